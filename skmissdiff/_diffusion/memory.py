"""Memory that every step of a fit takes and frees stays with the process."""

import torch

KEPT_BYTES = 2**24


def keep_freed_memory() -> None:
    """Have glibc keep blocks of up to ``KEPT_BYTES`` that are freed, twice as much in all.

    It gives blocks above a threshold back to the system, and the next step takes them anew, page by
    page. The threshold grows to the largest block that was ever freed (mallopt(3),
    M_MMAP_THRESHOLD). No byte of this one is touched, so that it takes no memory itself; with
    another allocator nothing changes.
    """
    torch.empty(KEPT_BYTES, dtype=torch.uint8)
