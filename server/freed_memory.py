"""Freed memory: given back to the system, so that a server's memory does not grow with each version."""

from __future__ import annotations

import ctypes


def give_back_freed_memory() -> None:
    """Makes the C library return freed memory to the system.

    glibc keeps it, and pieces of an old model lie between those of the next, so that the process would hold the peak of
    the next swap too. Other C libraries have no such function and need none.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
