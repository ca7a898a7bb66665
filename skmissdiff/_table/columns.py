"""One column of an array or a frame as numbers or as levels."""

from numbers import Complex, Integral, Real

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._table.schema import ColumnSchema, Element, Kind, column_label

_WORDS = {
    Element.NUMBER: "numbers",
    Element.BOOLEAN: "booleans",
    Element.TEXT: "text",
    Element.OTHER: "objects",
}
_NULL_TYPES = ("NoneType", "NAType", "NaTType")
# What to do with a column that holds neither numbers nor levels, by a part of its dtype's name.
_WAYS_OUT = {
    "decimal": "Cast it to a floating-point dtype",
    "sparse": "Make it dense with X.sparse.to_dense()",
    "timedelta": "Turn it into numbers, such as total seconds",
    "duration": "Turn it into numbers, such as total seconds",
    "date": "Turn it into numbers, such as days since a date",
    "timestamp": "Turn it into numbers, such as days since a date",
    "time": "Turn it into numbers, such as seconds since midnight",
    "period": "Turn it into numbers, such as its ordinal",
    "bytes": "Decode it to strings",
    "binary": "Decode it to strings",
}


def is_nan_like(value):
    """Whether `value` is None, NaN, pd.NA or NaT."""
    if type(value).__name__ in _NULL_TYPES:
        return True
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
    family = _family(source, label)
    if family == "number":
        values, missing = _numbers(source, marker, label)
        element = Element.NUMBER
    else:
        values, missing = _levels(source, marker)
        element = _element(values[~missing], family, label, fitted)
    n_observed = len(missing) - int(np.count_nonzero(missing))
    natural = _natural_kind(family, element)
    if fitted is not None and fitted.n_observed > 0:
        kind = fitted.kind
        _check_conflict(fitted, family, element, values, missing, label)
    elif fitted is not None or kind is None:
        # What was never observed has no code: any value of it is carried along.
        kind = natural
    elif kind is Kind.NUMERIC:
        _check_not_levels(family, element, label)
    if kind is Kind.CATEGORICAL and family == "number":
        values, missing = _levels(source, marker)
    whole_objects = (
        family == "object"
        and n_observed > 0
        and all(issubclass(t, Integral) for t in set(map(type, values[~missing])))
    )
    if kind is Kind.NUMERIC and values.dtype == object:
        values = _levels_as_numbers(values, missing, label)
    column = ColumnSchema(
        name=name.item() if isinstance(name, np.generic) else name,
        kind=kind,
        element=element,
        n_observed=n_observed,
        is_integer=whole_objects or _is_integer_dtype(source),
        **_describe_dtype(source, family),
        **_describe_range(kind, values, missing),
    )
    return values, missing, column


def _family(source, label):
    """What kind of dtype the column has."""
    if isinstance(source, np.ndarray):
        return _family_of_numpy(source.dtype, label)
    spelling = str(_native_dtype(source))
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
    else:
        items = source.to_list()
    types = set(map(type, items))
    if any(issubclass(t, np.generic) for t in types):
        items = [item.item() if isinstance(item, np.generic) else item for item in items]
        types = set(map(type, items))
    levels = np.empty(len(items), dtype=object)
    levels[:] = items
    null = {t for t in types if t.__name__ in _NULL_TYPES}
    missing = np.zeros(len(items), dtype=bool)
    if null or float in types:
        missing[:] = [type(v) in null or (type(v) is float and v != v) for v in items]
    if marker is not None:
        missing |= np.array([_is_marker(v, marker) for v in items], dtype=bool)
    levels[missing] = None
    return levels, missing


def _is_marker(value, marker):
    # 1 == True == 1.0 in Python, but a table in which 1 is missing has not lost what is true.
    if isinstance(marker, str | bool):
        return type(value) is type(marker) and value == marker
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
    return Element.NUMBER if issubclass(cls, Real) else Element.OTHER


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
    if family in ("number", "null") or (family == "object" and element is Element.NUMBER):
        return Kind.NUMERIC
    return Kind.CATEGORICAL


def _check_conflict(fitted, family, element, values, missing, label):
    """Raise if the column cannot be read as the kind that it had in `fit`."""
    observed = values[~missing].tolist()
    if not observed:
        return
    if fitted.kind is Kind.NUMERIC:
        conflict = family == "category" or element in (Element.TEXT, Element.OTHER)
    else:
        known = Element.OTHER not in (element, fitted.element)
        conflict = known and (element is Element.TEXT) != (fitted.element is Element.TEXT)
    if conflict:
        held = "numbers" if fitted.kind is Kind.NUMERIC else _WORDS[fitted.element]
        now = "levels of a categorical dtype" if family == "category" else _WORDS[element]
        raise TypeError(
            f"{label[0].upper()}{label[1:]} held {held} when it was fitted and holds {now} now, "
            f"such as {observed[0]!r}. Convert it to the type that it had in fit."
        )


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


def _describe_range(kind, values, missing):
    if kind is Kind.CATEGORICAL or missing.all():
        return {}
    observed = values[~missing]
    return {
        "is_whole": bool((observed == np.floor(observed)).all()),
        "minimum": float(observed.min()),
        "maximum": float(observed.max()),
    }
