"""The blocks of a stream, all of them or the share of one of several processes.

Of several processes each reads other row groups, or other files where these have none. What can
only be read from its start each one reads as a whole, for every n-th block.
"""

import numpy as np

from skmissdiff._stream.source import blocks


def all_blocks(source):
    """Iterate over the number of a block's first row, and the block.

    Parameters
    ----------
    source : Dataset or Batches
    """
    yield from _numbered(source.runs(), source.schema)


class Share:
    """What one process reads of a source.

    Parameters
    ----------
    source : Dataset or Batches
    rank, n : int
        The number of the process, and of all processes.
    """

    def __init__(self, source, rank, n):
        self._source, self._rank, self._n = source, rank, n
        self._parts = source.parts()

    def counts(self):
        """Return the number of rows of each part that is read here, by its number."""
        return {number: self._source.count_rows(self._parts[number]) for number in self._own()}

    def blocks(self, counts):
        """Iterate over the number of a block's first row, and the block.

        Parameters
        ----------
        counts : dict of int to int
            The rows of all parts.
        """
        source = self._source
        if self._parts is None:
            for number, block in enumerate(all_blocks(source)):
                if number % self._n == self._rank:
                    yield block
            return
        firsts = np.cumsum([0, *(counts[number] for number in range(len(self._parts)))]).tolist()
        runs = ((firsts[number], source.scan(self._parts[number])) for number in self._own())
        yield from _numbered(runs, source.schema)

    def _own(self):
        return range(self._rank, len(self._parts or ()), self._n)


def _numbered(runs, schema):
    for first, batches in runs:
        for block in blocks(batches, schema):
            yield first, block
            first += block.num_rows
