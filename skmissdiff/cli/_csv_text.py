"""CSV files as text: cells are kept as they are written, so that they can be written back.

The usual readers turn "007" into 7 and "1.10" into 1.1. Here a file is cut into its raw cells,
quotation marks and all, and joined again with only some of them replaced.
"""

import re
from dataclasses import dataclass

from skmissdiff._support.files import TableError

# Excel writes such a line above the header, and reads it.
_EXCEL_HINT = re.compile(r"sep=(.)(?:\r\n|\n|\r)", re.IGNORECASE)

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_BLANK_LINES = re.compile(r"[\r\n]*")


@dataclass
class CsvText:
    """A CSV file cut into raw cells.

    Attributes
    ----------
    header : list of str
        The first line's raw cells.
    columns : list of list of str
        Raw cells, one list per column.
    delimiter, newline : str
        How the file is written.
    preface : str
        What stands before the header: a byte order mark, a line such as ``sep=;``, blank lines.
    """

    header: list[str]
    columns: list[list[str]]
    delimiter: str
    newline: str
    preface: str = ""

    def first_line(self, header):
        """How a file written like this one begins, with these raw names of columns."""
        return self.preface + self.lines([[name] for name in header])

    def lines(self, columns):
        """Lines written like those of this file, with these raw cells."""
        rows = zip(*columns, strict=True)
        return "".join(self.delimiter.join(row) + self.newline for row in rows)

    def split_by(self, delimiter):
        """The same cells between other delimiters, in quotation marks where they need them."""

        def requoted(cells):
            return [cell if cell[:1] == '"' else quote(cell, delimiter) for cell in cells]

        return CsvText(
            requoted(self.header),
            [requoted(cells) for cells in self.columns],
            delimiter,
            self.newline,
            _EXCEL_HINT.sub("", self.preface),
        )


def split_preface(text, name="the file"):
    """What stands before the header, the delimiter that it names or None, and the rest."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    hint = _EXCEL_HINT.match(text, len(mark))
    end = _BLANK_LINES.match(text, hint.end() if hint else len(mark)).end()
    if not text[end:].strip():
        raise TableError(f"{name}: the file is empty")
    return text[:end], hint and hint[1], text[end:]


def split_csv(text, delimiter=",", name="the file"):
    """Cut the text of a CSV file into raw cells.

    Every row must have as many cells as the header. Lines with nothing in them are skipped,
    except in a table of one column, where such a line is a missing cell.
    """
    first_break = _LINE_BREAK.search(text)
    newline = first_break.group() if first_break else "\n"
    preface, _, text = split_preface(text, name)
    rows = raw_rows(text, delimiter, name, first=1 + len(_LINE_BREAK.findall(preface)))
    _, header = next(rows)
    width = len(header)
    columns = [[] for _ in header]
    for number, cells in rows:
        if len(cells) != width:
            if cells == [""]:
                continue
            raise TableError(
                f"{name}: line {number} has {len(cells)} cells where the header has {width}, "
                f"between {delimiter!r}"
            )
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    if not columns[0]:
        raise TableError(f"{name}: the file has a header and no rows")
    return CsvText(header, columns, delimiter, newline, preface)


def raw_rows(text, delimiter, name="the file", first=1):
    """Yield (line number, raw cells) of every line, the header's being ``first``."""
    if '"' in text:
        yield from _rows_with_quotes(text, delimiter, name, first)
        return
    lines = _LINE_BREAK.split(text)
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, first):
        yield number, line.split(delimiter)


def _rows_with_quotes(text, delimiter, name, first):
    """As `raw_rows`; a quoted cell may hold delimiters and line breaks."""
    mark = re.escape(delimiter)
    cell = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^{mark}"\r\n][^{mark}\r\n]*|)({mark}|\r\n|\n|\r|\Z)')
    cells, start, number, first_number = [], 0, first, first
    while start < len(text):
        match = cell.match(text, start)
        if match is None:
            raise TableError(f"{name}: line {number} has a cell whose quotation marks do not pair")
        raw, end = match.groups()
        cells.append(raw)
        start = match.end()
        if "\n" in raw:
            number += raw.count("\n")
        if end != delimiter:
            yield first_number, cells
            number += 1
            cells, first_number = [], number
        elif start == len(text):
            cells.append("")
    if cells:
        yield first_number, cells


def unquote(raw):
    """What a raw cell says, without its quotation marks."""
    return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def quote(content, delimiter, always=False):
    """Write a cell, in quotation marks where it needs them."""
    if always or any(mark in content for mark in (delimiter, "\n", "\r")) or content[:1] == '"':
        return '"' + content.replace('"', '""') + '"'
    return content
