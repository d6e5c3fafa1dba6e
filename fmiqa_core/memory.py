"""Memory of freed tensors is used again, also on a Dask worker."""

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
DASK = ("MALLOC_TRIM_THRESHOLD_", "65536")  # what Dask's nanny starts its workers with


def keep() -> bool:
    """Where Dask has told glibc to give freed memory back at once, let it be kept; whether that was done.

    With Dask's setting each tensor of a forward pass is given back and faulted in anew, twenty times the page faults
    and a third more processor time. Memory is then kept up to the peak of a batch. Another value, set by the user, is
    left alone, and so is everything that is not Linux with glibc.
    """
    if sys.platform != "linux" or os.environ.get(DASK[0]) != DASK[1]:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(TRIM_THRESHOLD, 2**30) and mallopt(MMAP_THRESHOLD, 2**25))  # 32 MiB: the most it takes
