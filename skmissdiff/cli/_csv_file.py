"""CSV files from bytes to raw cells: encoding and delimiter, given or found."""

from skmissdiff._support.files import read_bytes
from skmissdiff.cli._csv_text import split_csv, split_preface
from skmissdiff.cli._delimiter import check_first_line, find_delimiter
from skmissdiff.cli._text_encoding import decode


def read_csv(path, delimiter=None, encoding=None):
    """Read a CSV file.

    Parameters
    ----------
    path : str
    delimiter, encoding : str, optional
        Found if not given.

    Returns
    -------
    text : CsvText
    encoding : str
        To write the text with.
    remark : str
        What the user should know of how it was read, or empty.
    """
    decoded = decode(read_bytes(path), encoding, path)
    _, hinted, rest = split_preface(decoded.text, path)
    found = delimiter or hinted or find_delimiter(rest)
    # Before the cells are counted: the first line may be no header at all.
    check_first_line(rest, found, path, delimiter is not None)
    text = split_csv(decoded.text, found, path)
    return text, decoded.encoding, decoded.remark


def delimiter_of_output(text, source, target):
    """What is written between cells: as in the source, unless the ending promises otherwise."""
    was_tabbed, is_tabbed = (
        str(path).lower().removesuffix(".gz").endswith(".tsv") for path in (source, target)
    )
    if was_tabbed == is_tabbed:
        return text.delimiter
    return "\t" if is_tabbed else ","
