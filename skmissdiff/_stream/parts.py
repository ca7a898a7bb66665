"""Parts of a table: the columns of a model out of one, and its completed columns into it."""

import importlib

import narwhals.stable.v2 as nw

from skmissdiff._table.frames import is_frame, library_of


def column_names(native):
    """The names of a frame's columns."""
    return list(native.column_names if hasattr(native, "column_names") else native.columns)


def require_columns(names, wanted, purpose):
    """Raise if a name is lacking.

    Parameters
    ----------
    names, wanted : sequence
        The names that are there, and those that have to be.
    purpose : str
        What the column is for.

    Raises
    ------
    ValueError
    """
    known = set(names)
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise ValueError(
            f"The batches have no column {lacking[0]!r}, {purpose}; they have {list(names)}."
        )


def chosen_columns(native, names):
    """The columns of these names, in their order, as a frame of the same library."""
    if library_of(native) == "pyarrow":
        return native.select(names)
    return native[list(names)]


def values_of(native, name):
    """The values of a column as a list of Python objects."""
    return nw.from_native(native, eager_only=True)[name].to_list()


def with_columns(native, completed):
    """Return `native` with the columns of another frame of its rows in place of its own.

    Columns that `native` does not have come last.
    """
    library = library_of(native)
    if library == "polars":
        return native.with_columns(completed.get_columns())
    if library == "pandas":
        out = native.copy(deep=False)
        for name in completed.columns:
            out[name] = completed[name]
        return out
    own = column_names(completed)
    columns = [
        completed.column(own.index(name)) if name in own else native.column(place)
        for place, name in enumerate(native.column_names)
    ]
    new = [name for name in own if name not in native.column_names]
    columns += [completed[name] for name in new]
    pa = importlib.import_module("pyarrow")
    return pa.table(columns, names=[*native.column_names, *new])


def as_record_batches(table, schema):
    """Yield the rows of an Arrow table as record batches of a schema, nearly always as one."""
    pa = importlib.import_module("pyarrow")
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    whole = pa.Table.from_arrays(columns, schema=schema).unify_dictionaries()
    yield from whole.combine_chunks().to_batches()


def first_frame(batches):
    """Whether batches are frames of pandas or polars, and an iterable that still has them all.

    Parameters
    ----------
    batches : object
        What a user gives for a stream.

    Returns
    -------
    is_frames : bool
    batches : object
    """
    if is_frame(batches):
        frames = [batches]
        return library_of(batches) != "pyarrow", frames
    if hasattr(batches, "__arrow_c_array__"):
        return False, [batches]  # a single record batch
    if not hasattr(batches, "__iter__") or callable(batches):
        return False, batches
    iterator = iter(batches)
    head = [item for _, item in zip([0], iterator, strict=False)]
    is_frames = bool(head) and is_frame(head[0]) and library_of(head[0]) != "pyarrow"
    return is_frames, _Chain(head, iterator, getattr(batches, "schema", None))


class _Chain:
    """An iterable, once, of what was taken from an iterator and of what is left in it."""

    def __init__(self, head, iterator, schema):
        self._head, self._iterator, self.schema = head, iterator, schema

    def __iter__(self):
        yield from self._head
        self._head = []
        yield from self._iterator
