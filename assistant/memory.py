"""Memory that is free again, given back to the system."""

import ctypes


def give_back() -> None:
    """Have the C library return what it holds free, after much was read: hundreds of MB with a large index.

    Does nothing where it is not glibc, the one that keeps so much.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
