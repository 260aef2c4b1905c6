"""RunLock: a run's folder has one owner."""

import os

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

NAME = "lock"
# {folder: the open lock} of this process. A `fit` that failed may have left one.
_HELD: dict = {}


class RunLock:
    """A lock on a folder that ends with the process, however that ends.

    It is `flock`'s: the system frees it when the process is gone, so none is ever
    stale. Within one process, the run that asks last is the owner. On Windows, which
    has no `flock`, nothing is locked.

    Args:
        folder: `Path` of a folder that exists.
    """

    def __init__(self, folder):
        self._path = folder.resolve() / NAME

    def acquire(self):
        """Become the owner.

        Raises:
            RuntimeError: another process is.
        """
        if fcntl is None or self._path in _HELD:
            return
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            file.close()
            raise RuntimeError(
                f"The run in {self._path.parent} is under way in process {owner}, and "
                "a run has one owner. Wait for its end, or give another folder."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {os.uname().nodename}")
        file.flush()
        _HELD[self._path] = file

    def release(self):
        """Leave the folder to others."""
        file = _HELD.pop(self._path, None)
        if file is not None:
            file.close()
