"""Where a stream comes from: a dataset of pyarrow, or anything that yields Arrow record batches."""

import importlib
import sys

from skmissdiff._table.frames import is_frame

# Cells that are read at once, of numbers 8 MiB, and the rows of so many.
BLOCK_CELLS = 2**20
FEWEST_BLOCK_ROWS, MOST_BLOCK_ROWS = 2**8, 2**16
_BUFFER = 2**20  # bytes of a Parquet column that are read at once
# Row groups of a file that one reader goes through: what it holds of each it keeps to its end,
# some 50 kB of 20 columns.
_GROUPS = 100


def is_stream(X):
    """Whether `X` is a table that comes batch by batch."""
    if _is_dataset(X) or isinstance(X, Dataset) or callable(X):
        return True
    if is_frame(X) or isinstance(X, str | bytes | dict) or hasattr(X, "__array__"):
        return False
    if isinstance(X, list | tuple):
        return bool(X) and _is_batch(X[0])
    return hasattr(X, "__iter__") and not hasattr(X, "shape") and not hasattr(X, "columns")


def _is_dataset(X):
    module = sys.modules.get("pyarrow.dataset")
    return module is not None and isinstance(X, module.Dataset)


def _is_batch(item):
    return hasattr(item, "__arrow_c_array__") or hasattr(item, "__arrow_c_stream__")


def open_source(X):
    """Return the source of a stream.

    Parameters
    ----------
    X : pyarrow.dataset.Dataset, callable or iterable
        A callable returns an iterable of record batches, such as a ``RecordBatchReader``. A
        source is returned as it is.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    if isinstance(X, Dataset):
        return X
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        raise ImportError(
            "Tables that come batch by batch take pyarrow, which is not installed: "
            'pip install "skmissdiff[cli]"'
        ) from None
    return Dataset(X) if _is_dataset(X) else Batches(X)


def block_rows(n_columns):
    """Rows of a block: a power of two, so that a block has about `BLOCK_CELLS` cells."""
    rows = BLOCK_CELLS // max(n_columns, 1)
    return 2 ** (min(max(rows, FEWEST_BLOCK_ROWS), MOST_BLOCK_ROWS).bit_length() - 1)


class Dataset:
    """A dataset of pyarrow, in the order of its files and their rows.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : list of str, optional
        The columns to read, by default all.
    """

    def __init__(self, dataset, columns=None):
        pa = importlib.import_module("pyarrow")
        self._dataset = dataset
        self._columns = dataset.schema.names if columns is None else columns
        self.schema = pa.schema([_plain(dataset.schema.field(name)) for name in self._columns])

    def runs(self):
        """Iterate over the number of a first row, and the batches that follow from it on."""
        yield 0, self._in_order()

    def _in_order(self):
        try:
            fragments = self._dataset.get_fragments()
        except ValueError:  # files do not know of a filter
            fragments = [self._dataset]
        for fragment in fragments:
            for part in _some_groups(fragment):
                yield from self.scan(part)

    def parts(self):
        """Return its row groups, or its files where these have none; None if it is filtered."""
        ds = importlib.import_module("pyarrow.dataset")
        try:
            fragments = list(self._dataset.get_fragments())
        except ValueError:  # files do not know of a filter
            return None
        parts = []
        for fragment in fragments:
            is_parquet = isinstance(fragment, ds.ParquetFileFragment)
            parts += fragment.split_by_row_group() if is_parquet else [fragment]
        return parts

    def count_rows(self, part):
        """Return the number of rows of one of the parts."""
        groups = getattr(part, "row_groups", None)
        # A row group counts the rows of its whole file.
        return part.count_rows() if groups is None else sum(group.num_rows for group in groups)

    def scan(self, part):
        """Iterate over the batches of the dataset, or of one of its parts."""
        ds = importlib.import_module("pyarrow.dataset")
        options = {}
        if part is not self._dataset:
            options["schema"] = self._dataset.schema
        if isinstance(getattr(part, "format", None), ds.ParquetFileFormat):
            # A row group may be larger than memory: read as much of it as is decoded.
            options["fragment_scan_options"] = ds.ParquetFragmentScanOptions(
                use_buffered_stream=True, buffer_size=_BUFFER, pre_buffer=False
            )
        yield from part.to_batches(
            columns=self._columns,
            batch_size=block_rows(len(self.schema)),
            batch_readahead=1,
            fragment_readahead=1,
            **options,
        )


def _some_groups(fragment):
    """A file that has many row groups as parts of some of them."""
    ds = importlib.import_module("pyarrow.dataset")
    if not isinstance(fragment, ds.ParquetFileFragment) or fragment.num_row_groups <= _GROUPS:
        yield fragment
        return
    groups = [group.id for group in fragment.row_groups]
    for first in range(0, len(groups), _GROUPS):
        yield fragment.subset(row_group_ids=groups[first : first + _GROUPS])


class Batches:
    """Record batches of an iterable, or of what a function opens."""

    def __init__(self, batches):
        self._batches = batches
        opened = batches() if callable(batches) else batches
        if not hasattr(opened, "__iter__"):
            raise TypeError(
                f"A function that is fitted to has to open an iterable of Arrow record batches, "
                f"such as a RecordBatchReader; this one returned a {type(opened).__name__}."
            )
        self._iterator = iter(opened)
        schema = getattr(opened, "schema", None)
        self._first = []
        pa = importlib.import_module("pyarrow")
        if not isinstance(schema, pa.Schema):
            self._first = [_as_table(batch) for _, batch in zip([0], self._iterator, strict=False)]
            schema = self._first[0].schema if self._first else pa.schema([])
        self.schema = pa.schema([_plain(field) for field in schema])

    def parts(self):
        """Return None: it can only be read from its start."""
        return

    def runs(self):
        """Iterate over the number of a first row, and the batches that follow from it on."""
        yield 0, self._scan()

    def _scan(self):
        yield from self._first
        for batch in self._iterator:
            yield _as_table(batch)


def _plain(field):
    """A field whose type has the functions that a stream is read with: views have few."""
    pa = importlib.import_module("pyarrow")
    is_view = getattr(pa.types, "is_string_view", lambda _: False)(field.type)
    return pa.field(field.name, pa.large_string() if is_view else field.type)


def _as_table(batch):
    pa = importlib.import_module("pyarrow")
    if isinstance(batch, pa.Table):
        return batch
    if isinstance(batch, pa.RecordBatch):
        return pa.Table.from_batches([batch])
    if not _is_batch(batch):
        raise TypeError(
            f"X yields a {type(batch).__name__}, not Arrow record batches. Pass a "
            "pyarrow.dataset.Dataset, or a function that opens a pyarrow.RecordBatchReader."
        )
    return pa.table(batch)


def blocks(batches, schema):
    """Join and cut batches, so that each table but the last has as many rows.

    What is made of a stream must not depend on the batches that it happens to come in.
    """
    pa = importlib.import_module("pyarrow")
    size = block_rows(len(schema))
    held, n_held = [], 0
    for batch in batches:
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        held.append(_like(table, schema))
        n_held += table.num_rows
        if n_held < size:
            continue
        joined = pa.concat_tables(held)
        for start in range(0, n_held - n_held % size, size):
            yield joined.slice(start, size)
        rest = joined.slice(n_held - n_held % size)
        held, n_held = [rest], rest.num_rows
    if n_held:
        yield pa.concat_tables(held)


def _like(table, schema):
    if table.schema.equals(schema):
        return table.replace_schema_metadata(None)
    if table.column_names != schema.names:
        raise ValueError(
            f"The batches of X have to have the same columns: one has {table.column_names}, the "
            f"first one {schema.names}."
        )
    try:
        return table.cast(schema)
    except ValueError as error:
        raise ValueError(f"A batch of X cannot be read as the first one was: {error}.") from error
