"""A table in a CSV file: what it holds, and how it is written back."""

import numpy as np

from skmissdiff._support.files import binary_output, import_pandas
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._csv_file import delimiter_of_output, read_csv
from skmissdiff.cli._csv_text import unquote
from skmissdiff.cli._file_table import DRAW_COLUMN, FileTable
from skmissdiff.cli._fitted_columns import parse_as_fitted, require_fitted_columns
from skmissdiff.cli._marks import describe_styles, settle_marks


class CsvTable(FileTable):
    """A table in a CSV file; observed cells are written back character by character."""

    kind = "csv"

    def __init__(self, path, reading):
        pandas = import_pandas()
        self._text, self._encoding, remark = read_csv(path, reading.delimiter, reading.encoding)
        super().__init__(path, [unquote(raw) for raw in self._text.header], reading.named)
        if remark:
            self.remarks.append(remark)
        self._raw = dict(zip(self.names, self._text.columns, strict=True))
        if reading.model is None:
            self._read_columns(reading)
        else:
            require_fitted_columns(path, self.names, reading.model)
            self._columns = {
                name: parse_as_fitted(name, self._raw[name], reading, reading.model)
                for name in reading.model.styles
            }
        self.ignored = [name for name in self.names if name not in self._columns]
        self.remarks += [column.remark for column in self._columns.values() if column.remark]
        self.empty = [name for name, column in self._columns.items() if column.kind == "empty"]
        for name in self.empty:
            del self._columns[name]
        if "" in self.names and "" not in reading.ignore:
            self.remarks.append("the column without a name is carried through untouched")
        series = {name: column.series() for name, column in self._columns.items()}
        self.frame = pandas.DataFrame(series, index=range(len(self._text.columns[0])))
        named = [name for name, kind in reading.kinds.items() if kind == "category"]
        self._finish(named if reading.model is None else None)
        for name in self.keys:
            del self._columns[name]

    def _is_text(self, name):
        column = self._columns[name]
        return column.kind == "category" and not column.are_most_numbers

    def _read_columns(self, reading):
        """Find out what the columns hold."""
        self._columns = {
            name: parse_column(name, raw, reading)
            for name, raw in self._raw.items()
            if name and name not in reading.ignore
        }
        settle_marks(self._columns, self._raw, reading, self._text.delimiter)

    def kind_of(self, name):
        return self._columns[name].kind

    def cells(self, name):
        """The cells of a column as text, None where there is none."""
        return [unquote(raw) or None for raw in self._raw[name]]

    def _is_alike(self, path):
        return super()._is_alike(path) and self._text.delimiter == self._delimiter_of(path)

    def _delimiter_of(self, path):
        return delimiter_of_output(self._text, self.path, path)

    def give(self, name, text, rows):
        value = super().give(name, text, rows)
        column = self._columns[name]
        if column.kind == "number":
            # Every generated row has this number, written as precisely as the user has.
            column.style = column.style.as_precise_as(text, value)
        return value

    def parse_number(self, name, text):
        column = self._columns[name]
        try:
            number = column.style.numbers.parse(text)
        except (AttributeError, ValueError):
            return super().parse_number(name, text)
        return int(number) if column.style.whole and number.is_integer() else number

    def read_date(self, name, text):
        try:
            return self._columns[name].style.dates.parse([text])[0]
        except ValueError:
            return super().read_date(name, text)

    def read_time(self, name, text, kind):
        try:
            return self._columns[name].style.times.parse(text)
        except ValueError:
            return super().read_time(name, text, kind)

    @property
    def notes(self):
        return describe_styles(self._columns)

    @property
    def styles(self):
        return {name: column.style for name, column in self._columns.items()}

    @property
    def file_style(self):
        parts = ("delimiter", "newline", "preface")
        own = {part: getattr(self._text, part) for part in parts}
        header = dict(zip(self.names, self._text.header, strict=True))
        return own | {"encoding": self._encoding, "header": header}

    def _write_alike(self, temporary, path, frames, draws, completed):
        delimiter = self._delimiter_of(path)
        text = self._text
        if delimiter != text.delimiter:
            text = text.split_by(delimiter)
        names = self.names if completed else list(self._columns)
        raw = dict(zip(self.names, text.columns, strict=True))
        header = dict(zip(self.names, text.header, strict=True))
        first_line = text.first_line([DRAW_COLUMN] * draws + [header[name] for name in names])
        with binary_output(temporary, path.endswith(".gz")) as stream:
            stream.write(first_line.encode(self._encoding))
            for number, frame in enumerate(frames, 1):
                columns = [
                    self._cells(name, raw[name], frame[name], delimiter, completed)
                    if name in self._columns
                    else raw[name]
                    for name in names
                ]
                numbers = [[str(number)] * len(frame)] * draws
                stream.write(text.lines(numbers + columns).encode(self._encoding))

    def _cells(self, name, raw, values, delimiter, completed):
        """Raw cells: every one from ``values``, or only the missing ones."""
        column = self._columns[name]
        raw = list(raw)
        values = values.astype(object).to_numpy()
        lacking = import_pandas().isna(values)
        if not completed:
            return [
                column.style.gap if lacks else column.style.format(value, delimiter)
                for value, lacks in zip(values, lacking, strict=True)
            ]
        # Those that a rule leaves empty have no value.
        for row in np.flatnonzero(self.missing[name] & ~lacking):
            raw[row] = column.style.format(values[row], delimiter)
        return raw

    def as_written(self, frame):
        """Numbers rounded as the file rounds them."""
        frame = frame.copy()
        for name, column in self._columns.items():
            style = column.style
            if style.kind == "number" and not style.whole and style.decimals is not None:
                frame[name] = frame[name].round(style.decimals[1])
        return frame

    def with_gaps(self, frame):
        return self._on_calendar(super().with_gaps(frame), self.missing)

    def as_generated(self, frame):
        return self._on_calendar(frame, dict.fromkeys(frame, np.ones(len(frame), dtype=bool)))

    def _on_calendar(self, frame, new):
        """Move new dates to first days of months where all of the file's own are such."""
        for name, cells in new.items():
            dates = self._columns[name].style.dates
            if dates is not None and dates.is_calendar:
                nearest = frame[name].map(dates.nearest, na_action="ignore")
                frame = frame.assign(**{name: frame[name].mask(cells, nearest)})
        return frame

    def _restore(self, frame):
        """Levels as text; numbers as they are, rounded as the file rounds them."""
        frame = self.as_written(frame)
        for name, column in self._columns.items():
            if column.kind == "category":
                frame[name] = frame[name].astype("str")
        return frame

    def _merge(self, frame):
        """The whole table as a frame; columns that the model does not see are text."""
        pandas = import_pandas()
        frame = self._restore(frame)
        for position, name in enumerate(self.names):
            if name not in self._columns:
                frame.insert(position, name, pandas.Series(self.cells(name), dtype="str"))
        return frame
