"""Tables in files, for the command: read, fill the missing cells, write.

Both kinds of file give the same view: ``frame``, the columns that a model can use, with one
dtype for each kind of column, and ``missing``, where the file has no value.
"""

from skmissdiff._support.files import TableError, file_kind, import_pandas
from skmissdiff.cli._csv_table import CsvTable
from skmissdiff.cli._parquet_table import ParquetTable


def read_table(path, reading):
    """Read a table from a text or Parquet file.

    Parameters
    ----------
    path : str
    reading : Reading

    Returns
    -------
    CsvTable or ParquetTable
    """
    kind = file_kind(path)
    import_pandas()
    if kind == "csv":
        return CsvTable(path, reading)
    for option in ("delimiter", "encoding", "decimal", "thousands", "dates"):
        if getattr(reading, option):
            raise TableError(f"{path}: --{option} is for text files, and this is a Parquet file")
    return ParquetTable(path, reading)
