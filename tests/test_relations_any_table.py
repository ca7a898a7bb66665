"""Relations in tables of every dtype: whatever hypothesis makes of them, no promise is broken.

``SKMISSDIFF_EXAMPLES=20000 pytest tests/test_relations_any_table.py`` takes 2,000 tables.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from table_strategies import N_EXAMPLES, SETTINGS, is_null

from skmissdiff import (
    Combinations,
    Computed,
    FixedSum,
    MissDiffImputer,
    MissDiffSampler,
    OneHot,
    Order,
)

QUICK = {"max_iter": 0, "n_steps": 3, "random_state": 0}
DAY_0 = dt.datetime(2024, 3, 1)  # clocks are put forward in the weeks after it
PLACES = [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)]


@dataclass(frozen=True)
class Dress:
    """What a whole number becomes in a table, and the dtypes of the libraries; None has none."""

    make: object
    pandas: object = "object"
    polars: object = None
    arrow: object = None


def money(scale):
    return lambda n: Decimal(n).scaleb(-scale)


def moment(zone=None, **unit):
    return lambda n: pd.Timestamp(DAY_0 + n * dt.timedelta(**unit), tz=zone)


def timing(**unit):
    return lambda n: n * dt.timedelta(**unit)


def text(names):
    return lambda n: names[n]


HUGE = 2**60
FLAGS = [
    Dress(int, "Int64", pl.Int64, pa.int8()),
    Dress(float, "float64", pl.Float64, pa.float32()),
    Dress(bool, "boolean", pl.Boolean, pa.bool_()),
    Dress(bool, "object"),
]
CITIES = [
    Dress(text(["Ulm", "Bonn", "Wien", "Graz", "Bern"]), "str", pl.String, pa.string()),
    Dress(text(["Ulm", "Bonn", "Wien", "Graz", "Bern"]), "category", pl.Categorical),
    Dress(lambda n: 100 + n, "Int64", pl.Int32, pa.int16()),
    Dress(lambda n: dt.date(2024, 1, 1 + n), "object", pl.Date, pa.date32()),
]
LANDS = [
    Dress(text(["D", "A", "CH"]), "object", pl.Enum(["CH", "A", "D"]), pa.string()),
    Dress(bool, "boolean", pl.Boolean, pa.bool_()),
    Dress(float, "Float64", pl.Float64, pa.float64()),
]
# Parts in tenths, the total of 1,000 of which is the second of the pair.
PARTS = [
    (Dress(lambda n: n / 10, "float64", pl.Float64, pa.float64()), 100),
    (Dress(lambda n: n / 10, "Float64", pl.Float64, pa.float64()), 100),
    (Dress(money(1), "object", pl.Decimal(6, 1), pa.decimal128(6, 1)), Decimal(100)),
    (Dress(int, "Int64", pl.UInt16, pa.uint16()), 1000),
    (Dress(timing(minutes=1), "timedelta64[s]", pl.Duration("ms"), pa.duration("us")), 60_000),
]
COUNTS = [
    Dress(int, "Int64", pl.Int64, pa.int32()),
    Dress(float, "float64", pl.Float64, pa.float64()),
    Dress(lambda n: HUGE + n, "Int64", pl.Int64, pa.int64()),
    Dress(money(3), pd.ArrowDtype(pa.decimal128(9, 3)), pl.Decimal(9, 3), pa.decimal128(9, 3)),
    Dress(timing(hours=1), "timedelta64[us]", pl.Duration("us"), pa.duration("ns")),
]
BODY = [("float64", pl.Float64, pa.float64()), ("Float64", pl.Float64, pa.float64()), None]
STARTS = [
    Dress(moment(days=1), "datetime64[ns]", pl.Datetime("ns"), pa.timestamp("ns")),
    Dress(moment(days=1), "datetime64[s]", pl.Datetime("ms"), pa.timestamp("s")),
    Dress(
        moment("Europe/Berlin", days=1),
        "datetime64[us, Europe/Berlin]",
        pl.Datetime("us", "Europe/Berlin"),
        pa.timestamp("us", "Europe/Berlin"),
    ),
    Dress(lambda n: moment(days=1)(n).date(), "object", pl.Date, pa.date32()),
    Dress(lambda n: moment(days=1)(n).date(), "date32[pyarrow]", pl.Date, pa.date64()),
    Dress(lambda n: pd.Period(moment(days=1)(n), "D"), "period[D]"),
    Dress(lambda n: DAY_0 + dt.timedelta(n), "object", pl.Datetime("us"), pa.timestamp("us")),
    # Times of day: a unit is five minutes, and a stay is one of minutes.
    Dress(
        lambda n: (DAY_0 + dt.timedelta(minutes=5 * n)).time(), "object", pl.Time, pa.time32("s")
    ),
]
STAYS = [
    Dress(int, "Int64", pl.Int64, pa.int32()),
    Dress(timing(days=1), "timedelta64[s]", pl.Duration("us"), pa.duration("s")),
]
MINUTES = Dress(timing(minutes=5), "timedelta64[s]", pl.Duration("us"), pa.duration("s"))
# Columns that no relation is about.
OTHERS = {
    "when": Dress(
        moment("America/New_York", hours=7),
        "datetime64[ns, America/New_York]",
        pl.Datetime("ns", "America/New_York"),
        pa.timestamp("ms", "America/New_York"),
    ),
    "took": Dress(timing(seconds=3), "timedelta64[ns]", pl.Duration("ns"), pa.duration("ms")),
    "price": Dress(money(2), "object", pl.Decimal(10, 2), pa.decimal256(40, 2)),
    "key": Dress(lambda n: 2**63 - 1 - n, "UInt64", pl.UInt64, pa.uint64()),
    "flag": Dress(lambda n: n % 3 == 0, "boolean", pl.Boolean, pa.bool_()),
    "spent": Dress(lambda n: max(0, n - 120) / 4, "float64", pl.Float64, pa.float64()),
    "month": Dress(lambda n: pd.Period("2020-01", "M") + n % 40, "period[M]", pl.Null, pa.null()),
    "n": Dress(lambda n: n % 11, "Int16", pl.Int16, pa.int16()),
}


def dressed(options, library):
    """One of the dresses that a library has."""
    return st.sampled_from(
        [d for d in options if _has(d[0] if isinstance(d, tuple) else d, library)]
    )


def _has(dress, library):
    return getattr(dress, library) is not None


@st.composite
def worlds(draw):
    """A whole table in columns of Python values, their dtypes, and what holds in it."""
    library = draw(st.sampled_from(["pandas", "polars", "arrow"]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_rows = draw(st.integers(4, 40))
    columns, relations, checks = {}, [], []

    def add(name, numbers, dress):
        values = [dress.make(int(n)) for n in numbers]
        columns[name] = (values, getattr(dress, library))

    def hold(relation, check):
        relations.append(relation)
        checks.append(check)

    parts = draw(
        st.sets(st.sampled_from(["flags", "place", "parts", "counts", "body", "stay"]), min_size=1)
    )
    if "flags" in parts:
        dress, group = draw(dressed(FLAGS, library)), rng.integers(0, 3, n_rows)
        none = draw(st.booleans())
        for k, name in enumerate("ab" if none else "abc"):
            add(name, group == k, dress)
        names = [name for name in "abc" if name in columns]
        expected = {0, 1} if none else {1}
        hold(
            OneHot(names, allow_none=none),
            lambda row: sum(map(int, map(row.get, names))) in expected,
        )
    if "place" in parts:
        city, land = draw(dressed(CITIES, library)), draw(dressed(LANDS, library))
        place = rng.integers(0, 5, n_rows)
        add("city", [PLACES[k][0] for k in place], city)
        add("land", [PLACES[k][1] for k in place], land)
        allowed = [(city.make(a), land.make(b)) for a, b in PLACES]
        hold(
            Combinations(["city", "land"], allowed=allowed),
            lambda row: (row["city"], row["land"]) in allowed,
        )
    if "parts" in parts:
        dress, total = draw(dressed(PARTS, library))
        shares = np.floor(rng.dirichlet([3, 2, 1], n_rows)[:, :2] * 1000)
        for name, numbers in zip(("p1", "p2"), shares.T, strict=True):
            add(name, numbers, dress)
        add("p3", 1000 - shares.sum(axis=1), dress)
        hold(
            FixedSum(["p1", "p2", "p3"], total=total),
            lambda row: (
                abs(_plain(row["p1"]) + _plain(row["p2"]) + _plain(row["p3"]) - total) < 1e-9
            ),
        )
    if "counts" in parts:
        dress, (men, women) = draw(dressed(COUNTS, library)), rng.poisson([[5], [3]], (2, n_rows))
        add("men", men, dress)
        add("women", women, dress)
        both = [a + b for a, b in zip(columns["men"][0], columns["women"][0], strict=True)]
        columns["all"] = (both, columns["men"][1])
        hold(
            FixedSum(["men", "women"], column="all"),
            lambda row: row["men"] + row["women"] == row["all"],
        )
    if "body" in parts:
        dtypes = draw(st.sampled_from(BODY))
        kg, m = rng.normal(700, 100, n_rows).round(), rng.normal(170, 10, n_rows).round()
        bmi = (kg * 1000 / m**2 * 10).round()
        for name, numbers, scale in (("kg", kg, 1), ("m", m, 2), ("bmi", bmi, 1)):
            if dtypes is None:
                decimal = pa.decimal128(7, scale)
                dress = Dress(money(scale), "object", pl.Decimal(7, scale), decimal)
            else:
                dress = Dress(lambda n, scale=scale: round(n / 10**scale, scale), *dtypes)
            add(name, numbers, dress)
        hold(
            Computed("bmi", "kg / m ** 2"),
            lambda row: abs(float(row["kg"]) / float(row["m"]) ** 2 - float(row["bmi"])) < 0.0501,
        )
    if "stay" in parts:
        start, stay = rng.integers(0, 60, n_rows), rng.integers(0, 9, n_rows)
        strict = draw(st.booleans())
        stay = stay + strict
        dress = draw(dressed(STARTS, library))
        is_time = isinstance(dress.make(0), dt.time)
        add("start", start, dress)
        add("end", start + stay, dress)
        hold(
            Order(["start", "end"], strict=strict),
            lambda row: row["start"] < row["end"] or (not strict and row["start"] == row["end"]),
        )
        if draw(st.booleans()):
            add("stay", stay, MINUTES if is_time else draw(dressed(STAYS, library)))
            hold(Computed("stay", "end - start"), lambda row: _apart(row) == _days(row["stay"]))
    for name in draw(st.sets(st.sampled_from(sorted(OTHERS)))):
        if OTHERS[name].polars is not pl.Null or library == "pandas":
            add(name, rng.integers(0, 300, n_rows), OTHERS[name])
    weight = None
    if draw(st.booleans()):
        weight = rng.choice([0.5, 1, 3], n_rows)
    holes = rng.random((n_rows, len(columns))) < draw(st.sampled_from([0.1, 0.4, 0.7]))
    holes[:2] = False  # each column has a value
    return library, columns, holes, relations, checks, weight


def _plain(value):
    return value.total_seconds() if isinstance(value, dt.timedelta) else value


def _days(value):
    return value / dt.timedelta(days=1) if isinstance(value, dt.timedelta) else value


def _apart(row):
    """Days from start to end, on the clock of the wall."""
    start, end = row["start"], row["end"]
    if isinstance(start, dt.time):
        start, end = (dt.datetime.combine(DAY_0, at) for at in (start, end))
    if isinstance(start, pd.Period):
        return end.ordinal - start.ordinal
    if getattr(start, "tzinfo", None) is not None:
        start, end = (at.replace(tzinfo=None) for at in (start, end))
    return (end - start) / dt.timedelta(days=1)


def built(library, columns, holes):
    """The table, with gaps."""
    cells = {
        name: ([None if gap else v for v, gap in zip(values, gaps, strict=True)], dtype)
        for (name, (values, dtype)), gaps in zip(columns.items(), holes.T, strict=True)
    }
    if library == "pandas":
        return pd.DataFrame({n: pd.Series(v, dtype=dtype) for n, (v, dtype) in cells.items()})
    if library == "polars":
        series = [pl.Series(n, list(map(_in_utc, v)), dtype=d) for n, (v, d) in cells.items()]
        return pl.DataFrame(series)
    return pa.table({n: pa.array(v, type=dtype) for n, (v, dtype) in cells.items()})


def _in_utc(value):
    """What polars makes an instant of any zone from."""
    return value.tz_convert("UTC") if getattr(value, "tzinfo", None) is not None else value


def dtypes_of(table):
    if isinstance(table, pa.Table):
        return table.schema.types
    return list(table.dtypes)


def are_kept(dtypes, before):
    """Whether dtypes are those of before, but for levels that only a relation names."""
    for now, was in zip(dtypes, before, strict=True):
        if isinstance(was, pd.CategoricalDtype):
            levels = list(was.categories)
            if list(now.categories)[: len(levels)] != levels or now.ordered != was.ordered:
                return False
        elif now != was:
            return False
    return True


def cells_of(table):
    """Columns of Python values."""
    if isinstance(table, pa.Table):
        return {name: table[name].to_pylist() for name in table.schema.names}
    return {name: table[name].to_list() for name in table.columns}


@settings(max_examples=max(8, N_EXAMPLES // 10), **SETTINGS)
@given(world=worlds(), scaling=st.sampled_from(["standard", "quantile"]))
def test_no_promise_is_broken(world, scaling):
    library, columns, holes, relations, checks, weight = world
    X = built(library, columns, holes)
    params = {"relations": relations, "scaling": scaling, **QUICK}
    imputer, sampler = (
        cls(**params).fit(X, sample_weight=weight) for cls in (MissDiffImputer, MissDiffSampler)
    )
    completed = [imputer.transform(X), *imputer.multiple_impute(X, 1)]
    generated = [sampler.sample(5), sampler.sample(given=X)]
    for table in completed + generated:
        assert type(table) is type(X)
        assert are_kept(dtypes_of(table), dtypes_of(X))
        found = cells_of(table)
        assert not any(is_null(value) for column in found.values() for value in column)
        for number, cells in enumerate(zip(*found.values(), strict=True)):
            row = dict(zip(found, cells, strict=True))
            for relation, check in zip(relations, checks, strict=True):
                assert check(row), (relation, number, row)
        if "spent" in found:
            assert min(found["spent"]) >= 0
    before = cells_of(X)
    for table in completed:
        after = cells_of(table)
        for name, gaps in zip(columns, holes.T, strict=True):
            seen = [(before[name][i], after[name][i]) for i in np.flatnonzero(~gaps)]
            assert all(repr(was) == repr(now) for was, now in seen), name
