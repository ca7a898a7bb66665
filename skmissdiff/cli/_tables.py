"""Tables in files, for the command: read, fill the missing cells, write.

Both kinds of file give the same view: ``frame``, the columns that a model can use, with one
dtype for each kind of column, and ``missing``, where the file has no value.
"""

from skmissdiff._support.files import file_kind, import_pandas
from skmissdiff.cli._csv_column import MISSING_SPELLINGS
from skmissdiff.cli._csv_table import CsvTable
from skmissdiff.cli._parquet_table import ParquetTable


def read_table(path, *, delimiter=",", missing_values=(), na_spellings=True, kinds=None, ignore=()):
    """Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str
    delimiter : str
        Between the cells of a CSV file.
    missing_values : collection of str
        What stands for a missing value in a CSV file, besides the empty cell.
    na_spellings : bool
        Whether "NA", "NaN", "null" and the like stand for one, too.
    kinds : dict of str to {"number", "category"}, optional
        Columns whose kind the user has named.
    ignore : collection of str
        Columns to carry through untouched.

    Returns
    -------
    CsvTable or ParquetTable
    """
    kind = file_kind(path)
    import_pandas()
    if kind == "parquet":
        return ParquetTable(path, kinds or {}, set(ignore))
    spellings = set(missing_values) | (MISSING_SPELLINGS if na_spellings else {""})
    return CsvTable(path, delimiter, spellings, kinds or {}, set(ignore))
