"""As many threads as an operation feeds.

At each small operation threads wait for one another, and while they wait they compute nothing but
keep their cores. Where other work has these, the others wait as well: a fit of a thousand rows by
two threads beside two busy jobs took ten times the CPU seconds of one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Multiplications of a matrix product, for each thread: a fifth of a millisecond and more.
THREAD_WORK = 30_000_000


def n_threads_for(n_rows: int, hidden_size: int, n_codes: int, most: int) -> int:
    """Threads for products of ``n_rows`` with the matrices of a network."""
    work = n_rows * hidden_size * max(hidden_size, n_codes)
    return max(1, min(most, work // THREAD_WORK))


@contextmanager
def few_threads(n_rows: int, hidden_size: int, n_codes: int) -> Iterator[None]:
    """Within, torch computes with no more threads than these operations feed."""
    before = torch.get_num_threads()
    now = n_threads_for(n_rows, hidden_size, n_codes, before)
    if now == before:
        yield
        return
    torch.set_num_threads(now)
    try:
        yield
    finally:
        torch.set_num_threads(before)
