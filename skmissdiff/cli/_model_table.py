"""What a saved model knows of a table without one: the columns, and how they are written."""

import numpy as np

from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_column import CsvColumn
from skmissdiff.cli._csv_table import CsvTable
from skmissdiff.cli._csv_text import CsvText, quote


class ModelTable(CsvTable):
    """A table without rows, to write generated ones like the table that a model was fitted to.

    A model that was not fitted to a text file has no style: its rows are written plainly.

    Parameters
    ----------
    model : SavedModel
        Of a sampler.
    """

    def __init__(self, model):
        self.path, self.names = model.path, list(model.styles)
        self.ignored, self.empty, self.remarks, self.missing = [], [], [], {}
        self.kind = "csv" if model.file else "model"
        file = {"delimiter": ",", "newline": "\n", "preface": "", "encoding": "utf-8"}
        file |= {"header": {}, **model.file}
        mark = file["delimiter"]
        header = [file["header"].get(name, quote(name, mark)) for name in self.names]
        cells = [[] for _ in header]
        self._text = CsvText(header, cells, mark, file["newline"], file["preface"])
        self._encoding, self._model = file["encoding"], model
        nothing = np.zeros(0, dtype=bool)
        self._columns = {
            name: CsvColumn(name, nothing, [], style) for name, style in model.styles.items()
        }
        self.frame = as_pandas(model.estimator.sample(1, random_state=0))[:0]

    @property
    def notes(self):
        return []

    def known_levels(self, name, observed):
        return self._model.estimator.categories_[self.names.index(name)]

    def require_columns(self, asked_for):
        for name in asked_for:
            if name not in self.names:
                known = ", ".join(self.names)
                raise TableError(f"{self.path}: the model has no column {name!r}; it has {known}")

    def _delimiter_of(self, path):
        path = str(path).lower().removesuffix(".gz")
        if path.endswith(".tsv"):
            return "\t"
        return (
            ","
            if path.endswith(".csv") and self._text.delimiter == "\t"
            else (self._text.delimiter)
        )

    def _restore(self, frame):
        return super()._restore(frame) if self.kind == "csv" else frame


def as_pandas(rows):
    """Rows of any library in pandas."""
    return rows.to_pandas() if hasattr(rows, "to_pandas") else rows
