"""A uniform sample of the rows of a stream: those whose numbers have the smallest keys.

A row's key is a hash of the seed and of its number in the table. So the sample does not depend on
the files, row groups and batches that the rows come in, and samples of parts join to that of the
whole.
"""

import importlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIXES = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def row_keys(first, n_rows, seed):
    """Return the keys of rows that follow one another, from the number ``first`` on.

    SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64 bits: no two rows share a key.
    """
    with np.errstate(over="ignore"):
        start = mixed(np.array([seed], dtype=np.uint64))
        numbers = np.arange(first, first + n_rows, dtype=np.uint64)
        return mixed((numbers + np.uint64(1)) * _GOLDEN + start)


def mixed(keys):
    for shift, factor in _MIXES:
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))


class Sample:
    """The rows with the smallest keys among those that were added.

    Parameters
    ----------
    schema : pyarrow.Schema
    size : int
        Number of rows that are kept.
    seed : int
    """

    def __init__(self, schema, size, seed):
        self.schema, self.size, self.seed = schema, size, seed
        self._threshold = np.uint64(2**64 - 1)
        self._tables, self._keys, self._numbers = [], [], []
        self._n_held = 0

    def add(self, table, first):
        """Consider the rows of a table, which have the numbers from ``first`` on."""
        keys = row_keys(first, table.num_rows, self.seed)
        chosen = np.flatnonzero(keys <= self._threshold)
        if len(chosen):
            self._hold(_rows(table, chosen), keys[chosen], first + chosen)

    def join(self, other):
        """Consider the rows of another sample."""
        table, keys, numbers = other.rows()
        if len(keys):
            self._hold(table, keys, numbers)

    def keys(self):
        """Return the keys of the sampled rows."""
        self._settle()
        return np.concatenate(self._keys) if self._keys else np.zeros(0, np.uint64)

    def keep_below(self, keys):
        """Let go of rows that are not among those with the smallest of all these keys."""
        if len(keys) > self.size:
            self._threshold = np.partition(keys, self.size - 1)[self.size - 1]
        table, own, numbers = self.rows()
        chosen = np.flatnonzero(own <= self._threshold)
        self._tables, self._keys, self._numbers, self._n_held = [], [], [], 0
        if len(chosen):
            self._hold(_rows(table, chosen), own[chosen], numbers[chosen])

    def rows(self):
        """Return the sampled rows in the order of their numbers, their keys and their numbers."""
        self._settle()
        pa = importlib.import_module("pyarrow")
        if not self._tables:
            return self.schema.empty_table(), np.zeros(0, np.uint64), np.zeros(0, np.int64)
        table = pa.concat_tables(self._tables)
        keys, numbers = np.concatenate(self._keys), np.concatenate(self._numbers)
        order = np.argsort(numbers)
        return _rows(table, order), keys[order], numbers[order]

    def _hold(self, table, keys, numbers):
        self._tables.append(table)
        self._keys.append(keys)
        self._numbers.append(numbers)
        self._n_held += len(keys)
        if self._n_held > 1.5 * self.size:
            self._settle()

    def _settle(self):
        """Let go of what is held beyond the size."""
        if self._n_held <= self.size:
            return
        pa = importlib.import_module("pyarrow")
        keys, numbers = np.concatenate(self._keys), np.concatenate(self._numbers)
        chosen = np.sort(np.argpartition(keys, self.size - 1)[: self.size])
        self._threshold = keys[chosen].max()
        self._tables = [_rows(pa.concat_tables(self._tables), chosen)]
        self._keys, self._numbers = [keys[chosen]], [numbers[chosen]]
        self._n_held = self.size


def _rows(table, chosen):
    """Some rows of a table, in memory of their own."""
    pa = importlib.import_module("pyarrow")
    return table.unify_dictionaries().combine_chunks().take(pa.array(chosen)).combine_chunks()
