"""Keep memory between training steps instead of returning it to the system."""

import os
import platform
import sys

# glibc returns freed arrays of some megabytes to the kernel and gets them back, zeroed,
# in the next step. On one core this was measured to take over a third of a training
# step. A single arena that is never trimmed keeps the memory.
SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


def keep_memory():
    """Restart this program once with `SETTINGS`, if the C library is glibc.

    glibc reads the settings when a process starts, so they cannot be set later.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_ARENA_MAX" in os.environ:
        return
    os.execve(
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **SETTINGS}
    )
