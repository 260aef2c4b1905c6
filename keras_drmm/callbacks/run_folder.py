"""RunFolder: the last two states of a run, each of them whole."""

import hashlib
import json
import os
import shutil
import warnings

from keras_drmm.callbacks.run_lock import NAME as LOCK
from keras_drmm.layers.arguments import describe
from keras_drmm.layers.json_file import LARGE, read_json
from keras_drmm.layers.ordinary_file import check_ordinary_file

MANIFEST, STATE, PREFIX = "manifest.json", "state.npz", "state_"
# Of these files; another one is refused.
FORMAT = 1
KEPT = 2


class RunFolder:
    """States of a run in numbered folders, of which the last two are kept.

    A state is two files: `state.npz`, and `manifest.json`, which has the checksums
    (SHA-256) of both. The manifest gets its name when all else is on the disk, so a
    state is whole or has none.

    Args:
        path: `Path` of the folder. It is made where it is missing.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._newest = None

    def write(self, manifest, state):
        """Write a state, and remove all but it and the one before.

        Args:
            manifest: {name: value} of types that JSON has.
            state: bytes.

        Raises:
            OSError: it cannot be written; the states before are as they were.
        """
        number = max(self._numbers(), default=0) + 1
        folder = self._folder(number)
        manifest = {**manifest, "format": FORMAT, STATE: _digest(state)}
        manifest["manifest"] = _digest_of(manifest)
        try:
            folder.mkdir()
            write_file(folder / STATE, state)
            scratch = folder / f".{MANIFEST}"
            write_file(scratch, json.dumps(manifest, indent=1).encode())
            os.replace(scratch, folder / MANIFEST)
            for changed in (folder, self.path):
                _flush_folder(changed)
        except OSError:
            # It would only take the room that is missing.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        kept = (number, self._newest)
        self._newest = number
        for old in self._numbers():
            if old not in kept:
                shutil.rmtree(self._folder(old), ignore_errors=True)

    def read(self):
        """Return (manifest, state) of the newest whole state, None if there is none.

        Raises:
            ValueError: there are files, and no whole state.

        Warns:
            UserWarning: a newer one is damaged.
        """
        numbers, faults = sorted(self._numbers(), reverse=True), []
        for number in numbers:
            try:
                found = self._read(number)
            except (OSError, ValueError) as error:
                faults.append(f"{self._folder(number).name}: {error}")
                continue
            if faults:
                warnings.warn(
                    f"In {self.path} the newest state is damaged ({'; '.join(faults)})."
                    f" The run goes on from the one before, "
                    f"{self._folder(number).name}.",
                    stacklevel=2,
                )
            self._newest = number
            return found
        others = [v.name for v in self.path.iterdir() if v.name != LOCK]
        if not others:
            return None
        # The first state is that before the first step: without it nothing is lost.
        # Each start that was killed while it wrote that one has left a folder.
        first = range(1, len(others) + 1)
        if sorted(others) == [self._folder(n).name for n in first] and not any(
            map(self._has_manifest, first)
        ):
            warnings.warn(
                f"{self.path} is what a run left that was killed before it began: it "
                "begins anew.",
                stacklevel=2,
            )
            return None
        what = "; ".join(faults) or f"it has {sorted(others)[:5]}"
        raise ValueError(
            f"{self.path} has files, but no state that a run can go on from: {what}. "
            "Nothing was learned now. Restore the folder from a copy, remove it to "
            "start anew, or give another one."
        )

    def _read(self, number):
        """Return (manifest, state), or raise a ValueError that says what is wrong."""
        folder = self._folder(number)
        if not self._has_manifest(number):
            raise ValueError("it has no manifest, as its writing was cut off")
        try:
            manifest = read_json(folder / MANIFEST, LARGE, takes_nan=True)
            said = manifest.pop("manifest")
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"its manifest is no JSON object of a state: {error}"
            ) from None
        if said != _digest_of(manifest):
            raise ValueError("its manifest does not have the checksum that it should")
        if manifest.get("format") != FORMAT:
            raise ValueError(
                f"it has format {describe(manifest.get('format'))}, and this version "
                f"of keras_drmm reads {FORMAT}"
            )
        if not (folder / STATE).exists():
            raise ValueError(f"{STATE} is missing")
        check_ordinary_file(folder / STATE)
        state = (folder / STATE).read_bytes()
        if _digest(state) != manifest.get(STATE):
            raise ValueError(
                f"{STATE}, {len(state)} bytes, does not have the checksum that the "
                "manifest says"
            )
        return manifest, state

    def _has_manifest(self, number):
        return (self._folder(number) / MANIFEST).exists()

    def _folder(self, number):
        return self.path / f"{PREFIX}{number:06}"

    def _numbers(self):
        names = [v.name.removeprefix(PREFIX) for v in self.path.glob(f"{PREFIX}*")]
        # Of digits as this class writes them: there are others.
        return [int(name) for name in names if name.isascii() and name.isdigit()]


def write_file(path, content):
    """Write bytes to a new file, and wait until they are on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(path):
    """Wait until a folder's names are on the disk; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _digest_of(manifest):
    return _digest(json.dumps(manifest, sort_keys=True).encode())
