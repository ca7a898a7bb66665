"""Models in files, with how the table that they were fitted to writes its values.

The styles lie beside the weights in the archive that `save` makes, where Python's `load` does not
look. A model that was saved in Python has none: its values are then written plainly.
"""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from skmissdiff._support.files import TableError, atomic_output
from skmissdiff._table.disguise import Style
from skmissdiff._table.schema import Element, Kind
from skmissdiff.cli._cell_style import CellStyle
from skmissdiff.cli._dates import DateStyle
from skmissdiff.cli._times import TimeStyle

_MEMBER = "command.json"
_VERSION = 1


@dataclass(frozen=True)
class SavedModel:
    """A fitted estimator and the styles of its columns.

    Attributes
    ----------
    path : str
    estimator : MissDiffImputer or MissDiffSampler
    styles : dict of str to CellStyle
        The columns that the model knows, in its order.
    levels : dict of str to dict of str to object
        Of columns whose categories are no text: by what is written for it, each category.
    file : dict of str to str
        Encoding, delimiter, newline and preface of a text file that it was fitted to, or empty.
    """

    path: str
    estimator: object
    styles: Mapping[str, CellStyle]
    levels: Mapping[str, Mapping[str, object]]
    file: Mapping[str, str] = field(default_factory=dict)

    def value_of(self, name, text):
        """The value that a text says in a column, for a rule.

        Raises
        ------
        TableError
            If the column holds something else.
        """
        style = self.styles[name]
        if style.kind == "category":
            return self.levels.get(name, {}).get(text, text)
        read = {"number": style.read_number, "date": lambda text: style.dates.parse([text])[0]}
        try:
            value = read.get(style.kind, lambda text: style.times.parse(text))(text)
        except ValueError:
            raise TableError(
                f"column {name!r} holds nothing like {text!r}; write it as the column does"
            ) from None
        return int(value) if style.whole else value


def save_model(estimator, table, path):
    """Write a fitted estimator, and the styles of its table, in one move.

    Parameters
    ----------
    estimator : MissDiffImputer or MissDiffSampler
    table : FileTable
        What it was fitted to.
    path : str
    """
    content = {
        "version": _VERSION,
        "file": table.file_style,
        "columns": {name: dataclasses.asdict(style) for name, style in table.styles.items()},
    }
    with atomic_output(path) as temporary:
        estimator.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_MEMBER, json.dumps(content))


def load_model(path, name):
    """Read a fitted estimator.

    Parameters
    ----------
    path : str
    name : {"MissDiffImputer", "MissDiffSampler"}
        What it is to be; the other one is turned into it.

    Returns
    -------
    SavedModel

    Raises
    ------
    TableError, ValueError
        If the file is not there, is damaged, or is no model of a table with named columns.
    """
    try:
        estimator = _load_estimator(path, name)
        with zipfile.ZipFile(path) as archive:
            stored = archive.read(_MEMBER) if _MEMBER in archive.namelist() else b"{}"
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise TableError(f"{path}: this is a folder, not a model") from None
    schema = estimator.encoder_.schema_
    if schema.names is None:
        raise TableError(
            f"{path}: the model was fitted to an array, whose columns have no names; fit it to a "
            "frame, or by 'skmissdiff fit'"
        )
    content = json.loads(stored)
    if content.get("version", _VERSION) != _VERSION:
        raise TableError(f"{path}: this is a model of a newer skmissdiff; update it to use it")
    columns = schema.select(estimator.encoder_.kept_columns_).columns
    found = {name: _style(fields) for name, fields in content.get("columns", {}).items()}
    return SavedModel(
        path,
        estimator,
        {str(column.name): found.get(column.name) or _plain_style(column) for column in columns},
        _levels(estimator, schema),
        content.get("file", {}),
    )


def _load_estimator(path, name):
    import skmissdiff
    from skmissdiff._saved import estimator_of, read_state

    state = read_state(path)
    saved = state["class"]
    turn = {"MissDiffImputer": "to_sampler", "MissDiffSampler": "to_imputer"}
    if saved == name or saved not in turn:
        return estimator_of(getattr(skmissdiff, name), state, path)
    return getattr(estimator_of(getattr(skmissdiff, saved), state, path), turn[saved])()


def _style(fields):
    """A CellStyle from what JSON has made of it."""
    parts = dict(fields)
    if parts["decimals"] is not None:
        parts["decimals"] = tuple(parts["decimals"])
    if parts["numbers"] is not None:
        numbers = parts["numbers"] | {"decimals": tuple(parts["numbers"]["decimals"])}
        parts["numbers"] = Style(**numbers)
    if parts["dates"] is not None:
        parts["dates"] = DateStyle(**parts["dates"])
    if parts.get("times") is not None:
        parts["times"] = TimeStyle(**parts["times"])
    return CellStyle(**parts)


def _plain_style(column):
    """How a column is written of which no file says how."""
    if column.kind is Kind.CATEGORICAL:
        return CellStyle("category")
    if column.dtype.startswith(("datetime64", "Datetime", "Date", "date", "timestamp")):
        clock = getattr(column, "clock", None)
        if clock is not None and clock.step_size % 86400 == 0:
            return CellStyle("date", dates=DateStyle("%Y-%m-%d", is_iso=True))
        zone = "+00:00" if "," in column.dtype else None
        seconds = DateStyle("%Y-%m-%d %H:%M:%S", "s", zone=zone, is_iso=True)
        return CellStyle("date", dates=seconds)
    if column.element in (Element.DAYTIME, Element.DURATION):
        is_daytime = column.element is Element.DAYTIME
        finest = column.clock.step_size if column.clock else 1.0
        times = TimeStyle(
            is_daytime=is_daytime,
            has_seconds=finest % 60 != 0,
            digits=0 if finest % 1 == 0 else 3 if finest * 1000 % 1 == 0 else 6,
        )
        return CellStyle("time" if is_daytime else "duration", times=times)
    return CellStyle("number", whole=column.is_integer)


def _levels(estimator, schema):
    """Categories that are no text, by how they are written."""
    return {
        column.name: {str(level): level for level in levels}
        for column, levels in zip(schema.columns, estimator.categories_, strict=True)
        if levels is not None and column.element is not Element.TEXT
    }
