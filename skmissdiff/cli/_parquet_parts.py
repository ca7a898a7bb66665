"""A Parquet file completed batch by batch, with the schema that it has."""

import os

from skmissdiff._stream.source import Dataset
from skmissdiff._support.files import TableError
from skmissdiff.cli._file_table import DRAW_COLUMN
from skmissdiff.cli._fitted_columns import require_fitted_columns


def complete_parquet(source, target, model, complete, draws, key):
    """Complete a Parquet file.

    Parameters
    ----------
    source, target : str
    model : SavedModel
    complete : callable
        `MissDiffImputer.transform_batches` with its options.
    draws : list of dict
        More of its options, for each of the tables that are written below each other.
    key : list of str
        The columns that tell rows apart.

    Returns
    -------
    n_filled : int
        Cells of all the tables.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    try:
        # Folders may be named for a value that all their files have in a column.
        dataset = ds.dataset([os.path.realpath(source)], format="parquet", partitioning="hive")
        written = pq.read_schema(source)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"{source}: cannot be read as Parquet ({reason})") from None
    names = dataset.schema.names
    require_fitted_columns(source, names, model)
    for name in key:
        if name not in names:
            raise TableError(f"{source}: there is no column {name!r}; there are {', '.join(names)}")
    is_numbered = draws != [{}]
    if is_numbered and DRAW_COLUMN in names:
        raise TableError(f"{source}: it has a column {DRAW_COLUMN!r}; rename it to use --draws")
    n_filled, writer = 0, None
    try:
        for number, options in enumerate(draws, 1):
            opened = ModelBatches(dataset, model)
            for batch in complete(opened, **options):
                batch = opened.restored(batch)
                n_filled -= _n_missing(batch)
                batch = batch.select(written.names)
                if is_numbered:
                    column = pa.repeat(pa.scalar(number, pa.int64()), batch.num_rows)
                    batch = batch.add_column(0, DRAW_COLUMN, column)
                if writer is None:
                    writer = pq.ParquetWriter(target, _schema(batch.schema, written))
                writer.write_table(pa.Table.from_batches([batch]).cast(writer.schema))
            n_filled += opened.n_missing
        if writer is None:
            pq.write_table(written.empty_table(), target)
    finally:
        if writer is not None:
            writer.close()
    return n_filled


def _schema(schema, written):
    """The schema of the file that is read, with the types of columns that had none."""
    import pyarrow as pa

    fields = [
        field
        if field.name == DRAW_COLUMN or pa.types.is_null(written.field(field.name).type)
        else written.field(field.name)
        for field in schema
    ]
    return pa.schema(fields, metadata=written.metadata)


def _n_missing(batch):
    import pyarrow.compute as pc

    return sum(pc.sum(pc.is_null(c, nan_is_null=True)).as_py() or 0 for c in batch.columns)


class ModelBatches:
    """The batches of a Parquet file, as a model of the command knows its columns.

    Numbers that the user named categories are text to a model that was fitted to one file.

    Attributes
    ----------
    schema : pyarrow.Schema
    n_missing : int
        Missing cells of the batches that were read so far.
    """

    def __init__(self, dataset, model):
        import pyarrow as pa

        self._dataset = Dataset(dataset)
        own = self._dataset.schema
        self._types = {
            field.name: field.type
            for field in own
            if field.name in model.styles
            and model.styles[field.name].kind == "category"
            and field.name not in model.levels
            and (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        }
        fields = [
            pa.field(field.name, pa.string()) if field.name in self._types else field
            for field in own
        ]
        self.schema = pa.schema(fields)
        self.n_missing = 0

    def __iter__(self):
        for _, batches in self._dataset.runs():
            for batch in batches:
                self.n_missing += _n_missing(batch)
                yield self._converted(batch, _as_text)

    def restored(self, batch):
        """A completed batch with the types of the file."""
        return self._converted(batch, lambda column, type_: column.cast(type_))

    def _converted(self, batch, convert):
        for name, type_ in self._types.items():
            place = batch.schema.get_field_index(name)
            column = convert(batch.column(place), type_)
            batch = batch.set_column(place, name, column)
        return batch


def _as_text(column, _):
    """Numbers as Python writes them, which is how the command's models know them."""
    import pyarrow as pa

    encoded = column.dictionary_encode()
    texts = [None if value is None else str(value) for value in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(texts, pa.string())).cast(
        pa.string()
    )
