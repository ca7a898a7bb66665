"""Tables that hypothesis makes: any shape, library, dtype and pattern of missing cells.

Values and dtypes are hypothesis's choice, so that it can simplify them; which value stands in
which cell comes from one seed, so that large tables cost no more than small ones.
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck
from hypothesis import strategies as st

# The same few examples every time, or as many other ones as are asked for.
N_EXAMPLES = int(os.environ.get("SKMISSDIFF_EXAMPLES", 40))
SETTINGS = {
    "deadline": None,
    "derandomize": "SKMISSDIFF_EXAMPLES" not in os.environ,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}

TEXTS = ["", "a", "1", "nan", "é", "missing_value"]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FLOATS_32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
# Small whole numbers, and large ones that are near each other: a span of 2**53 is too wide.
NEAR = 2**53 - 1
INTEGERS = [
    st.integers(-(2**53), -1),
    st.integers(-(2**63), -(2**63) + NEAR),
    st.integers(2**63 - 1 - NEAR, 2**63 - 1),
]
UNSIGNED = [st.integers(0, NEAR), st.integers(2**64 - 1 - NEAR, 2**64 - 1)]
# The years in which every library has room for nanoseconds.
INSTANTS = st.datetimes(datetime(1680, 1, 1), datetime(2260, 1, 1))
NANOSECONDS = st.integers(-(2**63) + 1, 2**63 - 1).map(lambda at: pd.Timestamp(at, unit="ns"))
MIDNIGHTS = st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(
    lambda day: pd.Timestamp(day).tz_localize("Europe/Berlin")
)
DURATIONS = st.timedeltas(timedelta(-36500), timedelta(36500))
SECONDS = st.integers(-(10**9), 10**9)
PRICES = st.decimals(-(10**9), 10**9, places=3)
# Of each dtype: the values it may hold, and whether it has missing cells of its own.
PANDAS = {
    "float64": (FLOATS, True),
    "float32": (FLOATS_32, True),
    "int64": (INTEGERS, False),
    "uint8": (st.integers(0, 255), False),
    "bool": (st.booleans(), False),
    "Int64": (INTEGERS, True),
    "UInt64": (UNSIGNED, True),
    "Float64": (FLOATS, True),
    "boolean": (st.booleans(), True),
    "str": (st.sampled_from(TEXTS), True),
    "string": (st.sampled_from(TEXTS), True),
    "string[python]": (st.sampled_from(TEXTS), True),
    "object": (st.sampled_from(TEXTS), True),
    "category": (st.integers(0, 3), True),
    "datetime64[ns]": (NANOSECONDS, True),
    "datetime64[s]": (SECONDS.map(lambda at: pd.Timestamp(at, unit="s")), True),
    "datetime64[us, Europe/Berlin]": (
        [MIDNIGHTS, INSTANTS.map(lambda at: pd.Timestamp(at, tz="UTC"))],
        True,
    ),
    "timedelta64[us]": (DURATIONS, True),
    "period[M]": (st.dates().map(lambda day: pd.Period(day, "M")), True),
    "date32[pyarrow]": (st.dates(), True),
    pd.ArrowDtype(pa.decimal128(14, 3)): (PRICES, True),
    "int32[pyarrow]": (st.integers(-(2**31), 2**31 - 1), True),
}
POLARS = {
    pl.Float64: (FLOATS, True),
    pl.Float32: (FLOATS_32, True),
    pl.Int64: (INTEGERS, True),
    pl.UInt8: (st.integers(0, 255), True),
    pl.Boolean: (st.booleans(), True),
    pl.String: (st.sampled_from(TEXTS), True),
    pl.Categorical: (st.sampled_from(TEXTS), True),
    pl.Date: (st.dates(), True),
    pl.Datetime("ns"): (INSTANTS, True),
    pl.Datetime("ms", "Europe/Berlin"): (INSTANTS.map(lambda at: at.replace(tzinfo=UTC)), True),
    pl.Duration("us"): (DURATIONS, True),
    pl.Time: (st.times(), True),
    pl.Decimal(14, 3): (PRICES, True),
    pl.Enum(TEXTS): (st.sampled_from(TEXTS), True),
}
ARRAYS = {
    "float64": (FLOATS, True),
    "float32": (FLOATS_32, True),
    "int64": (INTEGERS, False),
    "bool": (st.booleans(), False),
    "datetime64[s]": (SECONDS.map(lambda at: np.datetime64(at, "s")), True),
    "timedelta64[ns]": (st.integers(-(2**62), 2**62).map(lambda n: np.timedelta64(n, "ns")), True),
    "str": (st.sampled_from(TEXTS), False),
    "object": (None, True),  # each column another one of OBJECTS
}
OBJECTS = [
    st.sampled_from(TEXTS),
    st.booleans(),
    FLOATS,
    *INTEGERS,
    st.dates(),
    INSTANTS,
    DURATIONS,
    st.times(),
    PRICES,
    st.one_of(st.integers(-9, 9), FLOATS),
]
NULLS = [None, np.nan, pd.NA]
NAMES = st.one_of(
    st.lists(st.text(max_size=5), min_size=12, max_size=12, unique=True),
    st.just([f"c{j}" for j in range(12)]),
    st.just([*range(12)]),
)
SHARES_MISSING = [0.0, 0.1, 0.4, 0.8, 1.0]


@dataclass
class Column:
    """How to make the cells of a column."""

    dtype: object
    pool: list
    new_pool: list
    share_missing: float
    nulls: list

    def cells(self, n_rows, is_new, rng):
        pool = self.pool + self.new_pool * is_new
        cells = [pool[i] for i in rng.integers(len(pool), size=n_rows)]
        gaps = rng.random(n_rows) < self.share_missing
        nulls = [self.nulls[i] for i in rng.integers(len(self.nulls), size=n_rows)]
        return [null if gap else cell for cell, gap, null in zip(cells, gaps, nulls, strict=True)]


@st.composite
def columns(draw, library, n_columns, only=None):
    """Columns of a table in one library, of the dtype ``only`` if given."""
    dtypes = {"pandas": PANDAS, "polars": POLARS}.get(library, ARRAYS)
    if library in ("array", "list"):  # one dtype for all
        lists = [dtype for dtype in ARRAYS if "64[" not in dtype]
        kinds = lists if library == "list" else list(ARRAYS)
        only = draw(st.sampled_from(kinds)) if only is None else only
    made = []
    for _ in range(n_columns):
        dtype = draw(st.sampled_from(list(dtypes))) if only is None else only
        values, can_miss = dtypes[dtype]
        if dtype == "object":
            values = OBJECTS
        if isinstance(values, list):  # each column another one of these
            values = draw(st.sampled_from(values))
        pools = [draw(st.lists(values, min_size=n, max_size=6)) for n in (1, 0)]
        share = draw(st.sampled_from(SHARES_MISSING)) if can_miss or library == "list" else 0.0
        made.append(Column(dtype, *pools, share, NULLS if dtype == "object" else [None]))
    return made


@st.composite
def pairs_of_tables(
    draw, max_rows=6, max_columns=5, libraries=("pandas", "polars", "array"), names=None
):
    """A table to fit and one to complete, of the same dtypes."""
    library = draw(st.sampled_from(libraries))
    made = draw(columns(library, draw(st.integers(1, max_columns))))
    sizes = [draw(st.integers(1, max_rows)), draw(st.integers(1, max_rows))]
    names = [f"c{j}" for j in range(max_columns)] if names is None else draw(names)
    repeat, holes = draw(st.booleans()), draw(st.sampled_from([0.0, 0.0, 0.3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return [
        build_table(library, made, names, n_rows, is_new, repeat, holes, rng)
        for is_new, n_rows in enumerate(sizes)
    ]


def build_table(library, made, names, n_rows, is_new, repeat, holes, rng):
    """A table; ``repeat`` copies of rows, and a share ``holes`` of rows without any value."""
    cells = [column.cells(n_rows, is_new, rng) for column in made]
    if all(column.share_missing for column in made):
        empty = rng.random(n_rows) < holes
        cells = [
            [None if gap else v for v, gap in zip(column, empty, strict=True)] for column in cells
        ]
    if repeat:
        order = rng.integers(n_rows, size=n_rows)
        cells = [[column[i] for i in order] for column in cells]
    if library == "polars":
        names = map(str, names)  # it knows no others
        series = [pl.Series(v, dtype=c.dtype) for v, c in zip(cells, made, strict=True)]
        return pl.DataFrame(dict(zip(names, series, strict=False)))
    if library == "pandas":
        series = [pd.Series(v, dtype=c.dtype) for v, c in zip(cells, made, strict=True)]
        frame = pd.DataFrame(dict(zip(names, series, strict=False)))
        frame.index = rng.integers(9, size=n_rows)  # with repeated labels
        return frame
    table = np.empty((n_rows, len(made)), dtype=object)
    for j, column in enumerate(cells):
        table[:, j] = column
    return table.tolist() if library == "list" else table.astype(made[0].dtype)


def columns_of(table):
    """The cells of each column as Python objects."""
    if isinstance(table, list):
        return [list(column) for column in zip(*table, strict=True)]
    if isinstance(table, np.ndarray):
        return [column.tolist() for column in table.T]
    if isinstance(table, pd.DataFrame):
        return [table.iloc[:, j].tolist() for j in range(table.shape[1])]
    return [column.to_list() for column in table]


def cells_of(table, observed=None):
    """Cells in words, which compare bit by bit: the observed ones, or all of them."""
    cells = columns_of(table)
    if observed is None:
        return [list(map(repr, column)) for column in cells]
    return [
        [repr(value) for value, wanted in zip(column, rows, strict=True) if wanted]
        for column, rows in zip(cells, observed.T, strict=True)
    ]


def is_null(value):
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and value != value


def missing_of(table):
    """Where cells are missing, bool of shape (n_rows, n_columns)."""
    if isinstance(table, np.ndarray) and table.dtype.kind in "mM":
        return np.isnat(table)
    return np.array([[is_null(value) for value in column] for column in columns_of(table)]).T
