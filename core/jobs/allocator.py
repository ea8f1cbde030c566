"""How a job's process gets its memory: freed blocks are kept and large pages used, where the C library can.

A training step frees and takes hundreds of megabytes over and over. By default glibc hands them back to the system each
time, which then clears every page anew: a tuning step of MiniLM on two cores took 0.34 s a tuple that way, and 0.30 s so.
Other C libraries do not read the variable.
"""

import os

TUNABLES = {
    "glibc.malloc.hugetlb": 1,
    "glibc.malloc.mmap_threshold": 32 * 2**20,
    "glibc.malloc.trim_threshold": 16 * 2**30,
    "glibc.malloc.top_pad": 256 * 2**20,
}


def allocator() -> dict[str, str]:
    """Environment variables for a process that computes; what the operator has set himself stays."""
    if "GLIBC_TUNABLES" in os.environ:
        return {}
    return {"GLIBC_TUNABLES": ":".join(f"{name}={value}" for name, value in TUNABLES.items())}
