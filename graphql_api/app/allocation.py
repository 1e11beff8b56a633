"""What the C library keeps of memory that is not in use any more."""

from __future__ import annotations

import ctypes

LARGE_BYTES = 2**20
_M_MMAP_THRESHOLD = -3
"""The number of this parameter in glibc's malloc.h."""


def return_large_blocks() -> None:
    """Have large blocks go back to the system as soon as they are freed; where the library is another, do nothing.

    Left alone, glibc takes the first large block that is freed for the size of what it should keep: the
    19 MiB of one password's hash stay with each thread that makes any (measured: a seventh of a server).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
