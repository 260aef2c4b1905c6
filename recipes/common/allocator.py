"""Keep memory between training steps instead of giving it back to the system."""

import os
import platform
import sys

# glibc returns arrays of some megabytes to the kernel as they are freed and gets them
# back, zeroed, a step later: over a third of a training step on one core, measured. One
# arena that is never trimmed keeps them.
SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


def keep_memory():
    """Start this program again with `SETTINGS`, once, where glibc is in use.

    The C library reads them as a process starts, so they cannot be set later.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_ARENA_MAX" in os.environ:
        return
    os.execve(
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **SETTINGS}
    )
