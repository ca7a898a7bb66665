"""Tables in several files, or in a large Parquet file, of which only the columns are read here."""

import glob
import os
from dataclasses import replace

from skmissdiff._stream.source import Dataset
from skmissdiff._support.files import TableError, file_kind
from skmissdiff.cli._csv_table import CsvTable
from skmissdiff.cli._file_table import FileTable
from skmissdiff.cli._parquet import nullable_dtype
from skmissdiff.cli._saved_model import SavedModel

# A Parquet file of more cells is read batch by batch: in pandas it would take gigabytes.
MANY_CELLS = 20_000_000
_OF_TEXT = ("delimiter", "encoding", "decimal", "thousands", "dates", "missing_values")


def files_of(pattern):
    """The files that a pattern or a folder stands for, None if it is one file to be read.

    Parameters
    ----------
    pattern : str
        A file, a folder, or a pattern with ``*``, ``?`` or ``[]``.

    Returns
    -------
    list of str or None
        In the order of their names.

    Raises
    ------
    TableError
        If there are none, or Parquet files and others.
    """
    path = str(pattern)
    if os.path.isdir(path):
        found = glob.glob(os.path.join(glob.escape(path), "**", "*.parquet"), recursive=True)
        if not found:
            raise TableError(f"{path}: there is no .parquet file in this folder")
        return sorted(found)
    if glob.has_magic(path) and not os.path.exists(path):
        found = sorted(glob.glob(path, recursive=True))
        if not found:
            raise TableError(f"{path}: there is no such file")
        kinds = {file_kind(name): name for name in found}
        if len(kinds) > 1:
            raise TableError(
                f"{kinds['csv']}: the pattern also stands for {kinds['parquet']}; name text files "
                "or Parquet files alone"
            )
        return found
    is_large = path.lower().endswith(".parquet") and os.path.isfile(path) and _is_large(path)
    return [path] if is_large else None


def _is_large(path):
    try:
        from pyarrow import parquet

        metadata = parquet.read_metadata(path)
    except (ImportError, OSError, ValueError):
        return False  # whoever reads it says what is wrong
    return metadata.num_rows * metadata.num_columns > MANY_CELLS


def open_many(pattern, paths, reading):
    """A table in files, with ``stream``, what is fitted to, and the ``paths``.

    Parameters
    ----------
    pattern : str
        What the user named.
    paths : list of str
    reading : Reading

    Returns
    -------
    FileTable
    """
    make = ManyFiles if file_kind(paths[0]) == "parquet" else ManyTexts
    return make(pattern, paths, reading)


class ManyTexts(CsvTable):
    """A table in text files, which are read one at a time.

    The first one decides what the columns are; the others are read as tables for a model of it are.
    Parameters are those of `ManyFiles`.
    """

    def __init__(self, pattern, paths, reading):
        super().__init__(paths[0], reading)
        self.path, self.paths, self.n_read = pattern, paths, 0
        self._first_path, self._reading = paths[0], reading
        for name, gone in self.missing.items():
            self.missing[name] = gone[:0]

    def stream(self):
        """Yield an Arrow table for each file."""
        import pyarrow as pa

        model = SavedModel(self._first_path, None, self.styles, {}, self.file_style)
        reading, names, schema = replace(self._reading, model=model), list(self.frame), None
        self.n_read = 0
        for path in self.paths:
            try:
                frame = self.frame if schema is None else CsvTable(path, reading).frame
                table = pa.Table.from_pandas(_plain(frame[names]), preserve_index=False)
                schema = table.schema.remove_metadata() if schema is None else schema
                table = table.cast(schema)
            except ValueError as error:
                text = str(error).removeprefix(f"{path}: ")
                raise TableError(f"{path}, unlike {self._first_path}: {text}") from None
            yield table
            self.n_read += table.num_rows


def _plain(frame):
    """With dtypes that do not depend on the values that a file happens to have."""
    dtypes = {}
    for name, dtype in frame.dtypes.items():
        if dtype == "category":
            dtypes[name] = "string"
        elif dtype == "Int64" and not (frame[name].abs() > 2**53).any():
            dtypes[name] = "Float64"
        elif dtype.kind == "M":
            dtypes[name] = "datetime64[us]"
    return frame.astype(dtypes)


class ManyFiles(FileTable):
    """A table in Parquet files, to fit a model to.

    Parameters
    ----------
    pattern : str
        What the user named.
    paths : list of str
        Its files.
    reading : Reading
    """

    kind = "parquet"

    def __init__(self, pattern, paths, reading):
        for option in _OF_TEXT:
            if getattr(reading, option):
                name = option.replace("_", "-")
                raise TableError(f"{pattern}: --{name} is for text files, and these are Parquet")
        dataset = open_dataset(pattern, paths)
        names = [str(name) for name in dataset.schema.names]
        super().__init__(str(pattern), names, reading.named)
        self.paths = paths
        self.ignored = [name for name in names if name in reading.ignore]
        known = [name for name in names if name not in reading.ignore]
        self.stream = Dataset(dataset, columns=known)
        self.kinds = reading.kinds
        empty = self.stream.schema.empty_table()
        self.frame = empty.to_pandas(types_mapper=nullable_dtype)
        for name, kind in self.kinds.items():
            if kind == "number" and name in self.frame and name in self._texts:
                held = self.stream.schema.field(name).type
                raise TableError(f"column {name!r} is stored as {held}, not as numbers")

    @property
    def categorical(self):
        """The columns of categories, None where what they hold is all that says so."""
        named = [name for name, kind in self.kinds.items() if kind == "category"]
        named = [name for name in named if name in self.frame]
        return sorted({*named, *self._texts}, key=self.names.index) if named else None

    @property
    def numeric(self):
        """Names of the columns of numbers and dates."""
        categorical = self.categorical or self._texts
        return [name for name in self.frame if name not in categorical]

    @property
    def _texts(self):
        import pyarrow.types as types

        return [
            field.name
            for field in self.stream.schema
            if types.is_string(field.type)
            or types.is_large_string(field.type)
            or types.is_boolean(field.type)
            or types.is_dictionary(field.type)
        ]


def open_dataset(pattern, paths):
    """The files as one dataset, with the columns that the names of its folders tell.

    Raises
    ------
    TableError
        If a file cannot be read, or has other columns than the first one.
    """
    try:
        import pyarrow.dataset as ds
    except ImportError:
        raise TableError(
            'Parquet files take pyarrow, which is not installed: pip install "skmissdiff[cli]"'
        ) from None
    options = {}
    if os.path.isdir(pattern):
        options = {"partitioning": "hive", "partition_base_dir": os.path.realpath(pattern)}
        paths = [os.path.realpath(path) for path in paths]
    try:
        dataset = ds.dataset(paths, format="parquet", **options)
        first = None
        for fragment in dataset.get_fragments():
            own = fragment.physical_schema.names
            first = own if first is None else first
            if own != first:
                raise TableError(
                    f"{fragment.path}: it has other columns than {paths[0]}: "
                    f"{', '.join(map(str, set(own) ^ set(first))) or 'in another order'}"
                )
    except TableError:
        raise
    except (OSError, ValueError) as error:
        raise TableError(f"{pattern}: cannot be read ({' '.join(str(error).split())})") from None
    return dataset


def n_rows(paths):
    """The number of rows of Parquet files, by their own account."""
    from pyarrow import parquet

    return sum(parquet.read_metadata(path).num_rows for path in paths)


def summarize_files(table, estimator):
    """Lines on a table in several files that a model was fitted to."""
    rows = table.n_read if isinstance(table, ManyTexts) else n_rows(table.paths)
    schema = estimator.encoder_.schema_
    n_cells = rows * len(schema.columns)
    n_missing = n_cells - sum(column.n_observed for column in schema.columns)
    files = f"{len(table.paths)} files" if len(table.paths) > 1 else "1 file"
    lines = [
        f"{table.path}: {files}, {rows} rows, {len(table.names)} columns, "
        f"{n_missing} of {n_cells} cells missing ({n_missing / n_cells:.1%})"
    ]
    if table.ignored:
        lines.append(f"  not known to the model: {', '.join(table.ignored)}")
    return "\n".join(lines)
