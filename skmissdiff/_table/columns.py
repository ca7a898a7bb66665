"""One column of an array or a frame as numbers or as levels."""

import importlib
from decimal import Decimal
from fractions import Fraction
from numbers import Complex, Integral, Real

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._table.clock import LARGEST_WHOLE, Clock, start_clock
from skmissdiff._table.schema import TIMES, ColumnSchema, Element, Kind, column_label
from skmissdiff._table.ticks import INTEGER, tick_as_object, ticks_of_objects
from skmissdiff._table.ticks_in import read_objects, read_ticks, ticks_of

_WORDS = {
    Element.NUMBER: "numbers",
    Element.DATE: "dates",
    Element.DURATION: "durations",
    Element.DAYTIME: "times of day",
    Element.PERIOD: "periods",
    Element.BOOLEAN: "booleans",
    Element.TEXT: "text",
    Element.OTHER: "objects",
}
_ELEMENTS = {
    "integer": Element.NUMBER,
    "decimal": Element.NUMBER,
    "instant": Element.DATE,
    "date": Element.DATE,
    "duration": Element.DURATION,
    "daytime": Element.DAYTIME,
    "period": Element.PERIOD,
}
_NULL_TYPES = ("NoneType", "NAType", "NaTType")
_NUMPY_TIMES = np.datetime64 | np.timedelta64  # the latter is an integer to Python
# What to do with a column that holds neither numbers nor levels, by a part of its dtype's name.
_WAYS_OUT = {
    "sparse": "Make it dense with X.sparse.to_dense()",
    "timedelta": "Convert it to a unit from weeks to nanoseconds",
    "datetime64[ns,": "Give it a zone with a name, such as by .dt.tz_convert('UTC')",
    "datetime": "Convert it to a unit from years to nanoseconds",
    "bytes": "Decode it to strings",
    "binary": "Decode it to strings",
}


def is_nan_like(value):
    """Whether `value` is None, NaN, pd.NA or NaT."""
    if type(value).__name__ in _NULL_TYPES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, _NUMPY_TIMES):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(value != value)


def read_column(source, name, index, *, missing_values=np.nan, kind=None, fitted=None):
    """Values, missing cells and description of one column.

    Parameters
    ----------
    source : ndarray of shape (n_rows,) or narwhals Series
    name : object
        None in an array.
    index : int
    missing_values : object
        What stands for a missing cell, besides null ones.
    kind : Kind or None
        How the user wants the column to be read, None to go by what it holds.
    fitted : ColumnSchema or None
        The column seen in `fit`, whose kind is kept.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        float64 with NaN, or object with None, for missing cells.
    missing : ndarray of bool, shape (n_rows,)
    column : ColumnSchema
    """
    label = column_label(name, index)
    marker = None if is_nan_like(missing_values) else missing_values
    known = fitted is not None and fitted.n_observed > 0
    ticks = ticks_of(source)
    family = "ticks" if ticks is not None else _family(source, label)
    if family == "ticks":
        values, missing = read_marked_ticks(source, ticks, marker)
        element = _ELEMENTS[ticks.holds]
    elif family == "number":
        values, missing = _numbers(source, marker, label)
        element = Element.NUMBER
    else:
        values, missing = _levels(source, marker)
        if family == "object" and not (known and fitted.kind is Kind.CATEGORICAL):
            ticks = _ticks_of_objects(values[~missing], label)
        if ticks is not None:
            family, element = "ticks", _ELEMENTS[ticks.holds]
            values = read_objects(values, missing, ticks)
        else:
            element = _element(values[~missing], family, label, fitted)
    n_observed = len(missing) - int(np.count_nonzero(missing))
    natural = _natural_kind(family, element)
    if known:
        kind = fitted.kind
        _check_conflict(fitted, family, element, ticks, values, missing, label)
    elif fitted is not None or kind is None:
        # What was never observed has no code: any value of it is carried along.
        kind = natural
    elif kind is Kind.NUMERIC:
        _check_not_levels(family, element, label)
    elif family == "ticks":
        raise TypeError(
            f"{label[0].upper()}{label[1:]} holds {_WORDS[element]} of dtype "
            f"{_native_name(source)} and is among categorical_features. Leave it out there, to "
            "have it taken as numbers, or convert it to text or to a category dtype."
        )
    if kind is Kind.CATEGORICAL and family == "number":
        values, missing = _levels(source, marker)
    whole_objects = (
        family == "object"
        and n_observed > 0
        and all(issubclass(t, Integral) for t in set(map(type, values[~missing])))
    )
    is_integer = whole_objects or _is_integer_dtype(source)
    clock = last = None
    if kind is Kind.NUMERIC:
        clock = fitted.clock if known else None
        if family == "ticks":
            if not known:
                new = fitted is None and n_observed > 0
                clock = start_clock(values[~missing], ticks) if new else Clock(ticks)
                last = clock.last_step(values[~missing]) if new else None
            values = _ticks_as_numbers(values, missing, ticks, clock)
        else:
            if values.dtype == object:
                values = _levels_as_numbers(values, missing, label)
            if known or (fitted is None and is_integer and _is_large(values)):
                values, clock = _large_numbers(source, marker, values, clock, known)
    column = ColumnSchema(
        name=name.item() if isinstance(name, np.generic) else name,
        kind=kind,
        element=element,
        n_observed=n_observed,
        is_integer=is_integer or (family == "ticks" and kind is Kind.NUMERIC),
        clock=clock,
        ticks=ticks,
        **_describe_dtype(source, family),
        **_describe_range(kind, values, missing, last),
    )
    return values, missing, column


def read_marked_ticks(source, ticks, missing_values):
    """Return the ticks of a column with a dtype of dates, durations or decimals.

    Parameters
    ----------
    source : ndarray of shape (n_rows,) or narwhals Series
    ticks : Ticks
    missing_values : object
        What stands for a missing cell, besides null ones.

    Returns
    -------
    values : ndarray of int64 or of Python ints, shape (n_rows,)
    missing : ndarray of bool, shape (n_rows,)
    """
    marker = None if is_nan_like(missing_values) else missing_values
    values, missing = read_ticks(source, ticks)
    if ticks.holds == "decimal" and isinstance(marker, Real) and not isinstance(marker, bool):
        # As it is written: 0.1 is not the float64 nearest to it.
        at = Fraction(str(marker)) * 10**ticks.scale
        missing = missing | (values == at)
    return values, missing


def _ticks_of_objects(observed, label):
    try:
        return ticks_of_objects(observed)
    except ValueError as error:
        raise TypeError(f"{label[0].upper()}{label[1:]} holds {error}.") from error


def _ticks_as_numbers(values, missing, ticks, clock):
    """float64 offsets on the clock, the numbers themselves where there is none, NaN if missing."""
    out = np.full(len(values), np.nan)
    if clock is None:  # decimals in a column that held other numbers in fit
        out[~missing] = [float(int(value) * ticks.size) for value in values[~missing]]
    else:
        out[~missing] = clock.offsets(values[~missing], ticks)
    return out


def _is_large(values):
    """Whether numbers may not be the whole ones that they were before they became float64."""
    return bool((np.abs(values) >= LARGEST_WHOLE).any())


def _large_numbers(source, marker, values, clock, known):
    """Offsets on the clock of large integers, the numbers themselves where there is none."""
    if known and clock is None:
        return values, None
    items, missing = _levels(source, marker)
    exact = items[~missing]
    if clock is None:
        clock = start_clock(exact, INTEGER)
    values = np.full(len(items), np.nan)
    values[~missing] = clock.offsets_of_numbers(exact)
    return values, clock


def _family(source, label):
    """What kind of dtype the column has."""
    if isinstance(source, np.ndarray):
        return _family_of_numpy(source.dtype, label)
    spelling = _native_name(source)
    dtype = source.dtype
    if spelling == "object":
        return "object"  # pandas; narwhals calls it String where it finds text
    if spelling.lower() in ("null", "null[pyarrow]"):
        return "null"
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return "category"
    if dtype == nw.Boolean:
        return "boolean"
    if dtype == nw.String:
        return "text"
    if dtype.is_numeric() and not dtype.is_decimal():
        return "number"
    if spelling.startswith("complex"):
        raise ValueError(f"Complex data not supported: {label} has dtype {spelling}.")
    raise TypeError(_unsupported(label, spelling))


def _family_of_numpy(dtype, label):
    families = {"b": "boolean", "U": "text", "O": "object"}
    families.update(dict.fromkeys("iuf", "number"))
    if dtype.kind not in families:
        raise TypeError(_unsupported(label, "bytes" if dtype.kind == "S" else str(dtype)))
    return families[dtype.kind]


def _unsupported(label, spelling):
    lower = spelling.lower()
    ways = (way for part, way in _WAYS_OUT.items() if part in lower)
    way = next(ways, "Turn it into numbers or strings")
    return (
        f"{label[0].upper()}{label[1:]} has dtype {spelling}, which is neither numeric nor "
        f"categorical. {way}, or drop the column."
    )


def _native_name(source):
    return str(source.dtype if isinstance(source, np.ndarray) else _native_dtype(source))


def _native_dtype(series):
    native = series.to_native()
    return native.type if series.implementation.is_pyarrow() else native.dtype


def _numbers(source, marker, label):
    """float64 values, NaN where missing, of a column with a numeric dtype."""
    if isinstance(source, np.ndarray):
        values = np.array(source, dtype=np.float64)
    elif source.implementation.is_pandas():
        values = np.array(source.to_native().to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        if source.implementation.is_polars():
            source = source.cast(nw.Float64)  # NumPy has no integers of 128 bits
        values = np.array(source.to_numpy(), dtype=np.float64)
    _check_finite(values, label)
    if isinstance(marker, Real) and not isinstance(marker, bool):
        # -99.9 in a float32 column is the float32 nearest to it.
        nearest = np.float32(marker) if _is_float32(source) else float(marker)
        values[values == float(nearest)] = np.nan
    return values, np.isnan(values)


def _is_float32(source):
    if isinstance(source, np.ndarray):
        return source.dtype == np.float32
    return source.dtype == nw.Float32


def _check_finite(values, label):
    if np.isinf(values).any():
        raise ValueError(
            "Input X contains infinity or a value too large for dtype('float64'), in "
            f"{label}. Replace it by a number or by a missing value."
        )


def _levels(source, marker):
    """Python objects, None where missing."""
    if isinstance(source, np.ndarray):
        items = source.tolist()
    elif source.implementation.is_pandas():
        # Not Series.to_list, which boxes the values of a category one by one.
        items = source.to_native().astype(object).tolist()
    elif source.implementation.is_pyarrow():
        items = _arrow_items(source.to_native())
    else:
        items = source.to_list()
    types = set(map(type, items))
    if any(issubclass(t, np.generic) for t in types):
        # Not a datetime64, of which nanoseconds would become a number.
        items = [
            item
            if isinstance(item, _NUMPY_TIMES) or not isinstance(item, np.generic)
            else item.item()
            for item in items
        ]
        types = set(map(type, items))
    if str in types:
        # Libraries make a text of each cell; a table has few that differ, and many cells.
        first = {}
        items = [first.setdefault(v, v) if type(v) is str else v for v in items]
    levels = np.empty(len(items), dtype=object)
    levels[:] = items
    null = {t for t in types if t.__name__ in _NULL_TYPES}
    missing = np.zeros(len(items), dtype=bool)
    if null or float in types:
        missing[:] = [type(v) in null or (type(v) is float and v != v) for v in items]
    if any(issubclass(t, Decimal | _NUMPY_TIMES) for t in types):
        missing |= [is_nan_like(value) for value in items]
    if marker is not None:
        missing |= np.array([_is_marker(v, marker) for v in items], dtype=bool)
    levels[missing] = None
    return levels, missing


def _arrow_items(column):
    """Python objects of an Arrow column, those of equal cells the same one."""
    pa = importlib.import_module("pyarrow")
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # of no chunk
        return []
    if not isinstance(array, pa.DictionaryArray):
        if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
            return array.to_pylist()
        array = array.dictionary_encode()
    distinct = array.dictionary.to_pylist()
    items = np.empty(len(distinct) + 1, dtype=object)
    items[:-1] = distinct
    places = array.indices.cast(pa.int64()).fill_null(len(distinct))
    return items[places.to_numpy(zero_copy_only=False)].tolist()


def _is_marker(value, marker):
    # 1 == True == 1.0 in Python, but a table in which 1 is missing has not lost what is true.
    if isinstance(marker, str | bool):
        return type(value) is type(marker) and value == marker
    if isinstance(value, Decimal):  # as it is written: 0.1 is not the float64 nearest to it
        return value == Decimal(str(marker))
    return isinstance(value, Real) and not isinstance(value, bool) and bool(value == marker)


def _element(observed, family, label, fitted):
    """What the observed values of a column of levels or objects are."""
    if fitted is not None and fitted.element is Element.OTHER and fitted.n_observed > 0:
        return Element.OTHER  # levels of any type, such as intervals
    if family in ("boolean", "text"):
        return Element.BOOLEAN if family == "boolean" else Element.TEXT
    if len(observed) == 0:
        return Element.OTHER if family == "category" else Element.NUMBER
    elements = {t: _element_of_type(t) for t in dict.fromkeys(map(type, observed))}
    if len(set(elements.values())) == 1 and Element.OTHER not in elements.values():
        return next(iter(elements.values()))
    if family == "category":
        return Element.OTHER
    raise _mixture_error(observed, elements, label)


def _element_of_type(cls):
    if issubclass(cls, bool):
        return Element.BOOLEAN
    if issubclass(cls, str):
        return Element.TEXT
    is_number = issubclass(cls, Real) and not issubclass(cls, _NUMPY_TIMES)
    return Element.NUMBER if is_number else Element.OTHER


def _mixture_error(observed, elements, label):
    """The error for objects that are not all text, all booleans or all numbers."""
    for cls, element in elements.items():
        value = next(v for v in observed if type(v) is cls)
        if issubclass(cls, Complex) and not issubclass(cls, Real):
            return ValueError(f"Complex data not supported: {label} holds {value!r}.")
        if element is Element.OTHER:
            return TypeError(
                f"{label[0].upper()}{label[1:]} holds {value!r}, but the argument must be a "
                f"string, a boolean or a real number, not {cls.__name__!r}. "
                f"{_unsupported(label, cls.__name__).partition('. ')[2]}"
            )
    first, second = list(dict.fromkeys(elements.values()))[:2]
    examples = [
        next(v for v in observed if elements[type(v)] is element) for element in (first, second)
    ]
    return TypeError(
        f"{label[0].upper()}{label[1:]} mixes {_WORDS[first]} and {_WORDS[second]}, such as "
        f"{examples[0]!r} and {examples[1]!r}. Convert it to one type, for example with "
        "astype(str), or pass the value that stands for a missing cell as missing_values."
    )


def _natural_kind(family, element):
    if family in ("number", "null", "ticks") or (family == "object" and element is Element.NUMBER):
        return Kind.NUMERIC
    return Kind.CATEGORICAL


def _check_conflict(fitted, family, element, ticks, values, missing, label):
    """Raise if the column cannot be read as the kind that it had in `fit`."""
    observed = values[~missing].tolist()
    if not observed:
        return
    if fitted.kind is Kind.NUMERIC:
        conflict = family == "category" or element in (Element.TEXT, Element.OTHER)
        is_time = not TIMES.isdisjoint((element, fitted.element))
        conflict |= is_time and (element is not fitted.element or _are_apart(ticks, fitted.clock))
    else:
        is_known = Element.OTHER not in (element, fitted.element)
        conflict = is_known and (element is Element.TEXT) != (fitted.element is Element.TEXT)
        conflict |= family == "ticks"
    if conflict:
        numeric = fitted.kind is Kind.NUMERIC and fitted.element not in TIMES
        held = "numbers" if numeric else _words(fitted.element, fitted.clock and fitted.clock.ticks)
        is_category = family == "category"
        now = "levels of a categorical dtype" if is_category else _words(element, ticks)
        example = observed[0] if ticks is None else tick_as_object(int(observed[0]), ticks)
        raise TypeError(
            f"{label[0].upper()}{label[1:]} held {held} when it was fitted and holds {now} now, "
            f"such as {example!r}. Convert it to the type that it had in fit."
        )


def _are_apart(ticks, clock):
    """Whether dates with a time zone meet some without, or periods such of another length."""
    if ticks.holds == "period":
        return ticks.unit != clock.ticks.unit
    return (ticks.zone is None) != (clock.ticks.zone is None)


def _words(element, ticks):
    """What a column holds, with what tells it from others of its kind."""
    if element is Element.DATE:
        return f"dates {'without a' if ticks.zone is None else 'with the'} time zone" + (
            "" if ticks.zone is None else f" {ticks.zone}"
        )
    return _WORDS[element] + (f" ({ticks.unit})" if element is Element.PERIOD else "")


def _check_not_levels(family, element, label):
    if family in ("text", "category") or element is Element.TEXT:
        what = "levels of a categorical dtype" if family == "category" else "text"
        raise TypeError(
            f"{label[0].upper()}{label[1:]} holds {what}, but is not among categorical_features. "
            "Add it there or convert it to numbers."
        )


def _levels_as_numbers(levels, missing, label):
    values = np.full(len(levels), np.nan)
    try:
        values[~missing] = levels[~missing].astype(np.float64)
    except OverflowError:
        values[~missing] = np.inf
    _check_finite(values, label)
    return values


def _is_integer_dtype(source):
    if isinstance(source, np.ndarray):
        return source.dtype.kind in "iu"
    return bool(source.dtype.is_integer())


def _describe_dtype(source, family):
    """The dtype in words that suffice to make a column like it."""
    if isinstance(source, np.ndarray):
        return {"dtype": source.dtype.str}
    native = _native_dtype(source)
    if source.implementation.is_polars():
        dtype = source.dtype
        enum = isinstance(dtype, nw.Enum)
        return {
            "dtype": "Null" if family == "null" else type(native).__name__,
            "categories": tuple(dtype.categories) if enum else None,
        }
    description = {"dtype": str(native)}
    if source.implementation.is_pandas():
        is_arrow = type(native).__name__ == "ArrowDtype"
        description["storage"] = "arrow" if is_arrow else getattr(native, "storage", None)
        if description["dtype"] == "category":
            description["categories"] = tuple(native.categories.tolist())
            description["categories_dtype"] = str(native.categories.dtype)
            description["ordered"] = bool(native.ordered)
    return description


def _describe_range(kind, values, missing, last):
    if kind is Kind.CATEGORICAL or missing.all():
        return {}
    observed = values[~missing]
    return {
        "is_whole": bool((observed == np.floor(observed)).all()),
        "minimum": float(observed.min()),
        "maximum": float(observed.max()) if last is None else last,
    }
