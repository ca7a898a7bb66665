"""One reading of a stream: what its columns are, and a sample of its rows."""

import importlib
import warnings

import numpy as np

from skmissdiff._stream.columns import make_column
from skmissdiff._stream.sample import Sample
from skmissdiff._stream.shares import Share, all_blocks
from skmissdiff._stream.source import open_source
from skmissdiff._table.frames import Exact, declared_kinds, read_sample

# Rows that are learnt from: as many as these cells, 160 MB of numbers, but no fewer or more than
# these rows. A training of the longest sort draws about two million rows.
SAMPLE_CELLS = 20_000_000
FEWEST_SAMPLE_ROWS, MOST_SAMPLE_ROWS = 20_000, 500_000
# Rows that are kept of each column for the case that the sample observes none of its cells.
SPARSE_ROWS = 8


def sample_rows(n_columns):
    """Rows of the sample of a stream."""
    rows = SAMPLE_CELLS // max(n_columns, 1)
    return min(max(rows, FEWEST_SAMPLE_ROWS), MOST_SAMPLE_ROWS)


def read_stream(estimator, X, seed, processes):
    """Read a table that comes batch by batch, once, for `fit`.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` and `feature_names_in_`.
    X : pyarrow.dataset.Dataset, callable or iterable
        See `open_source`.
    seed : int
        Of the sample.
    processes : Processes
        Each reads a share, all get the whole.

    Returns
    -------
    Table
        The sample, whose ``exact`` says what is known from all rows.
    """
    table = _read_stream(estimator, X, seed, processes)
    # Arrow keeps what was freed, and nothing needs it while the table is learnt from.
    importlib.import_module("pyarrow").default_memory_pool().release_unused()
    return table


def _read_stream(estimator, X, seed, processes):
    if processes.n == 1:
        source = open_source(X)
        scan = Scan(source.schema, estimator, seed)
        for first, block in all_blocks(source):
            scan.add(block, first)
        return scan.table(estimator)
    scan = scan_together(estimator, X, seed, processes)
    with warnings.catch_warnings():
        if processes.rank:
            warnings.simplefilter("ignore")  # the first process says it
        return scan.table(estimator)


def scan_together(estimator, X, seed, processes):
    """Read a share of a stream, and return what all processes have read.

    An error of one process is raised by all, after each step: none waits for what never comes.
    """
    opened = []

    def open_share():
        source = open_source(X)
        share = Share(source, processes.rank, processes.n)
        opened.extend([share, Scan(source.schema, estimator, seed)])
        return share.counts()

    counts = {}
    for theirs in processes.each(open_share):
        counts.update(theirs)
    share, scan = opened

    def read_share():
        for first, block in share.blocks(counts):
            scan.add(block, first)
        return scan.sample.keys()

    # Rows that are not among those of the whole sample need not travel.
    scan.sample.keep_below(np.concatenate(processes.each(read_share)))
    whole, *others = processes.each(lambda: scan)
    for other in others:
        whole.join(other)
    return whole


def share_of(table, n_rows, seed, processes):
    """Return the numbers of the rows of a sample that a process trains on.

    Parameters
    ----------
    table : Table
    n_rows : int
        At most so many, but for those of columns that none of them would observe.
    seed : int
    processes : Processes

    Returns
    -------
    ndarray of int
        Sorted.
    """
    if processes.n > table.n_rows:
        raise ValueError(
            f"{table.n_rows} rows are too few for {processes.n} processes. Fit them in one."
        )
    if processes.n == 1 and table.n_rows <= n_rows:
        return np.arange(table.n_rows)
    order = np.random.default_rng(seed).permutation(table.n_rows)
    chosen = order[processes.rank :: processes.n][:n_rows]
    observed = ~table.missing
    lacking = observed.any(axis=0) & ~observed[chosen].any(axis=0)
    return np.union1d(chosen, np.flatnonzero(observed[:, lacking].any(axis=1)))


class Scan:
    """What has been read of a stream so far.

    Parameters
    ----------
    schema : pyarrow.Schema
    estimator : estimator instance
        Whose parameters say how columns are read.
    seed : int
    """

    def __init__(self, schema, estimator, seed):
        self.missing_values = estimator.missing_values
        self.categorical_features = estimator.categorical_features
        self.schema = schema
        kinds = declared_kinds(self.categorical_features, schema.names)
        self.columns = [
            make_column(field, index, self.missing_values, kinds[index])
            for index, field in enumerate(schema)
        ]
        self.n_rows = 0
        self.sample = Sample(schema, sample_rows(len(schema)), seed)
        self.sparse = SparseRows(len(schema))

    def add(self, block, first):
        """Take in a table, whose rows have the numbers from ``first`` on."""
        missing = [
            column.add(cells) for column, cells in zip(self.columns, block.columns, strict=True)
        ]
        self.sparse.add(block, first, missing)
        self.sample.add(block, first)
        self.n_rows += block.num_rows

    def join(self, other):
        """Take in what another process has read."""
        for own, theirs in zip(self.columns, other.columns, strict=True):
            own.join(theirs)
        self.sparse.join(other.sparse)
        self.sample.join(other.sample)
        self.n_rows += other.n_rows

    def table(self, estimator):
        """Return the sample as a `Table` that knows what all rows hold."""
        rows, _, numbers = self.sample.rows()
        columns = tuple(column.schema() for column in self.columns)
        rows = self.sparse.completed(rows, numbers)
        exact = Exact(
            n_rows=self.n_rows,
            gaps=np.array([column.n_observed < self.n_rows for column in columns]),
            levels=tuple(column.levels for column in self.columns),
            is_counted=tuple(column.is_counted for column in self.columns),
        )
        return read_sample(
            estimator,
            rows,
            columns,
            exact,
            missing_values=self.missing_values,
            categorical_features=self.categorical_features,
        )


class SparseRows:
    """The first rows in which each column is observed.

    A column with a handful of cells among millions of rows is not in their sample, but must have
    taught a model something where it is one of its columns.
    """

    def __init__(self, n_columns):
        self._n_missing = np.full(n_columns, SPARSE_ROWS)
        self._tables, self._numbers, self._observed = [], [], []

    def add(self, block, first, missing):
        """Take in a table, and where its columns are missing."""
        wanted = np.flatnonzero(self._n_missing)
        chosen = [np.flatnonzero(~missing[j])[: self._n_missing[j]] for j in wanted]
        rows = np.unique(np.concatenate(chosen)) if len(wanted) else ()
        if len(rows) == 0:
            return
        pa = importlib.import_module("pyarrow")
        self._n_missing[wanted] -= [len(positions) for positions in chosen]
        self._tables.append(block.take(pa.array(rows)))
        self._numbers.append(first + rows)
        self._observed.append(~np.stack([gaps[rows] for gaps in missing], axis=1))

    def join(self, other):
        """Take in those of another process."""
        self._tables += other._tables
        self._numbers += other._numbers
        self._observed += other._observed

    def completed(self, sample, numbers):
        """Return the sample with rows of columns that it does not observe; rows have numbers."""
        if not self._tables:
            return sample
        pa = importlib.import_module("pyarrow")
        own, observed = np.concatenate(self._numbers), np.concatenate(self._observed)
        inside = np.isin(own, numbers)
        # A column that a kept row of the sample observes needs no more; others are looked through.
        doubtful = np.flatnonzero(observed.any(axis=0) & ~observed[inside].any(axis=0))
        lacking = [j for j in doubtful if _is_unobserved(sample.column(int(j)))]
        more = np.flatnonzero(observed[:, lacking].any(axis=1) & ~inside) if lacking else ()
        if len(more) == 0:
            return sample
        more = more[np.argsort(own[more])]
        found = pa.concat_tables(self._tables).unify_dictionaries().take(pa.array(more))
        return pa.concat_tables([sample, found]).unify_dictionaries().combine_chunks()


def _is_unobserved(cells):
    pc = importlib.import_module("pyarrow.compute")
    pa = importlib.import_module("pyarrow")
    known = pc.is_valid(cells)
    if pa.types.is_floating(cells.type):
        known = pc.and_(known, pc.invert(pc.fill_null(pc.is_nan(cells), True)))
    return not pc.any(known).as_py()
