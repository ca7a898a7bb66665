"""Parquet files of the command, which take pyarrow: read as one table, written part by part."""

import contextlib

from skmissdiff._support.files import TableError, import_pandas


def write_parquet(path, parts, schema=None):
    """Write frames one below the other, by the schema of the first one if there is none."""
    import pyarrow
    from pyarrow import parquet

    with contextlib.ExitStack() as stack:
        writer = None
        for part in parts:
            table = pyarrow.Table.from_pandas(part, schema=schema, preserve_index=False)
            if writer is None:
                schema = table.schema
                writer = stack.enter_context(parquet.ParquetWriter(path, schema))
            writer.write_table(table)


def read_parquet(path):
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise TableError(
            'Parquet files take pyarrow, which is not installed: pip install "skmissdiff[cli]"'
        ) from None
    try:
        return parquet.ParquetFile(path).read()
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file") from None
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"{path}: cannot be read as Parquet ({reason})") from None


def nullable_dtype(arrow_type):
    """Integers and booleans keep their dtype beside missing values; floats need no other."""
    import pyarrow

    pandas = import_pandas()
    if pyarrow.types.is_boolean(arrow_type):
        return pandas.BooleanDtype()
    if pyarrow.types.is_integer(arrow_type):
        name = str(arrow_type)  # "int64", "uint8"
        return pandas.api.types.pandas_dtype(name.replace("uint", "UInt").replace("int", "Int"))
    return None
