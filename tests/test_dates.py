"""Dates, durations, decimals and large integers: numbers on their own clock, in every library."""

import datetime as dt
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.dates import date2num
from sklearn.base import clone

from skmissdiff import MissDiffImputer, MissDiffSampler, TableEncoder
from skmissdiff._table.frames import read_table
from skmissdiff._table.rebuild import build_table, fill_table
from skmissdiff._table.ticks import time_from_words, time_in_words
from skmissdiff.metrics import imputation_mae, imputation_rmse
from skmissdiff.missingness import ampute, missing_pattern
from skmissdiff.report import SyntheticReport

N_ROWS = 40
RNG = np.random.default_rng(0)
STEPS = RNG.integers(0, 300, N_ROWS)
GAPS = np.arange(N_ROWS) % 3 == 1
START = dt.datetime(2024, 1, 1)
DAYS = [START + dt.timedelta(days=int(k)) for k in STEPS]
HOURS = [dt.timedelta(hours=int(k)) for k in STEPS]
TIMES = [dt.time(int(k) % 24) for k in STEPS]
PRICES = [Decimal(int(k)) / 4 for k in STEPS]
FINE = np.int64(1_700_000_000_000_000_001) + RNG.integers(0, 10**15, N_ROWS)
ZONED = pd.DatetimeIndex(DAYS).tz_localize("Europe/Berlin")

PANDAS = {
    "days in ns": pd.Series(DAYS, dtype="datetime64[ns]"),
    "days in s": pd.Series(DAYS, dtype="datetime64[s]"),
    "nanoseconds": pd.Series(FINE.view("M8[ns]")),
    "days in a zone": pd.Series(ZONED),
    "nanoseconds in a zone": pd.Series(pd.DatetimeIndex(FINE).tz_localize("UTC")).dt.tz_convert(
        "America/New_York"
    ),
    "fixed offset": pd.Series(pd.DatetimeIndex(DAYS).tz_localize("+05:30")),
    "durations": pd.Series(HOURS, dtype="timedelta64[ns]"),
    "months": pd.Series(pd.PeriodIndex.from_ordinals(STEPS + 600, freq="M")),
    "arrow timestamps": pd.Series(ZONED).astype(pd.ArrowDtype(pa.timestamp("us", "Europe/Berlin"))),
    "arrow dates": pd.Series(DAYS).astype(pd.ArrowDtype(pa.date32())),
    "arrow times": pd.Series(pd.array(TIMES, dtype=pd.ArrowDtype(pa.time64("us")))),
    "arrow durations": pd.Series(HOURS).astype(pd.ArrowDtype(pa.duration("ms"))),
    "arrow decimals": pd.Series(pd.array(PRICES, dtype=pd.ArrowDtype(pa.decimal128(20, 4)))),
    "date objects": pd.Series([day.date() for day in DAYS], dtype=object),
    "datetime objects": pd.Series(DAYS, dtype=object),
    "Timestamps": pd.Series(list(ZONED), dtype=object),
    "timedelta objects": pd.Series(np.array([*HOURS, None], dtype=object)[:-1], dtype=object),
    "time objects": pd.Series(TIMES, dtype=object),
    "Period objects": pd.Series(list(pd.PeriodIndex.from_ordinals(STEPS, freq="Q")), dtype=object),
    "Decimal objects": pd.Series(PRICES, dtype=object),
    "Int64": pd.Series(pd.array([2**63 - 1 - int(k) for k in STEPS], dtype="Int64")),
    "UInt64": pd.Series(pd.array([2**64 - 1 - int(k) for k in STEPS], dtype="UInt64")),
    "int objects": pd.Series([2**70 + int(k) for k in STEPS], dtype=object),
}
POLARS = {
    "Date": pl.Series(DAYS).cast(pl.Date),
    "Datetime ms": pl.Series(DAYS, dtype=pl.Datetime("ms")),
    "Datetime ns": pl.Series(FINE).cast(pl.Datetime("ns")),
    "zoned": pl.Series(DAYS, dtype=pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin"),
    "Duration": pl.Series(HOURS, dtype=pl.Duration("ms")),
    "Time": pl.Series(TIMES, dtype=pl.Time),
    "Decimal": pl.Series(PRICES, dtype=pl.Decimal(20, 3)),
    "long decimals": pl.Series([p * 10**25 + p for p in PRICES], dtype=pl.Decimal(38, 3)),
    "Int64": pl.Series([2**63 - 1 - int(k) for k in STEPS], dtype=pl.Int64),
    "UInt64": pl.Series([2**64 - 1 - int(k) for k in STEPS], dtype=pl.UInt64),
    "Int128": pl.Series([2**100 - int(k) for k in STEPS], dtype=pl.Int128),
}
MICROSECONDS = STEPS.astype(np.int64) * 10**6
ARROW = {
    "timestamp s": (STEPS, pa.timestamp("s")),
    "timestamp ns zoned": (FINE, pa.timestamp("ns", "+02:00")),
    "date32": (STEPS, pa.date32()),
    "date64": (STEPS.astype(np.int64) * 86_400_000, pa.date64()),
    "time32": (STEPS, pa.time32("ms")),
    "time64": (MICROSECONDS, pa.time64("us")),
    "duration": (MICROSECONDS, pa.duration("us")),
    "decimal128": (PRICES, pa.decimal128(9, 2)),
    "decimal256": (PRICES, pa.decimal256(60, 2)),
    "int64": ([2**63 - 1 - int(k) for k in STEPS], pa.int64()),
}
ARRAYS = {
    "days": STEPS.astype("M8[D]"),
    "months": STEPS.astype("M8[M]"),
    "hours": STEPS.astype("M8[h]"),
    "nanoseconds": FINE.view("M8[ns]"),
    "durations": STEPS.astype("m8[s]"),
}


def completed(frame):
    """What a model made of noise fills in, a table like it, and the encoder."""
    encoder = TableEncoder(bounds="observed").fit(frame)
    table = read_table(frame, schema=encoder.schema_)
    codes = encoder.encode(table)
    codes = np.where(np.isnan(codes), RNG.normal(size=codes.shape), codes)
    values = encoder.decode(codes, RNG.random(table.missing.shape))
    return fill_table(table, values), build_table(encoder.schema_, values), encoder


def check_range(observed, filled):
    assert min(observed) <= min(filled) <= max(filled) <= max(observed)
    assert len(set(filled)) > 1


@pytest.mark.parametrize("kind", list(PANDAS))
def test_pandas(kind):
    column = PANDAS[kind].copy()
    column[GAPS] = None
    frame = pd.DataFrame({"x": column, "z": np.arange(N_ROWS) / 7})
    filled, built, _ = completed(frame)
    assert filled["x"].dtype == built["x"].dtype == frame["x"].dtype
    pd.testing.assert_series_equal(filled["x"][~GAPS], frame["x"][~GAPS])
    pd.testing.assert_series_equal(built["x"][~GAPS], frame["x"][~GAPS])
    check_range(frame["x"].dropna().tolist(), filled["x"][GAPS].tolist())
    if filled["x"].dtype == object:
        assert set(map(type, filled["x"])) == {type(PANDAS[kind][0])}


@pytest.mark.parametrize("kind", list(POLARS))
def test_polars(kind):
    whole, keep = POLARS[kind], pl.Series(~GAPS)
    column = whole.zip_with(keep, pl.Series([None] * N_ROWS, dtype=whole.dtype))
    frame = pl.DataFrame({"x": column, "z": np.arange(N_ROWS) / 7})
    filled, built, _encoder = completed(frame)
    assert filled["x"].dtype == built["x"].dtype == whole.dtype
    assert filled["x"].filter(keep).equals(whole.filter(keep))
    assert built["x"].filter(keep).equals(whole.filter(keep)) or kind == "long decimals"
    check_range(column.drop_nulls().to_list(), filled["x"].filter(~keep).to_list())


@pytest.mark.parametrize("kind", list(ARROW))
def test_pyarrow(kind):
    values, dtype = ARROW[kind]
    values = values if isinstance(values, list) else values.tolist()
    whole = pa.array(values, type=dtype)
    column = pa.array([None if gap else v for gap, v in zip(GAPS, values, strict=True)], type=dtype)
    frame = pa.table({"x": column, "z": np.arange(N_ROWS) / 7})
    filled, built, _ = completed(frame)
    assert filled.schema == built.schema == frame.schema
    for table in (filled, built):
        kept = table["x"].combine_chunks().filter(pa.array(~GAPS))
        assert kept.equals(whole.filter(pa.array(~GAPS)))
        assert table["x"].null_count == 0


@pytest.mark.parametrize("kind", list(ARRAYS))
def test_numpy(kind):
    whole = np.column_stack([ARRAYS[kind], ARRAYS[kind][::-1]])
    X, gaps = whole.copy(), np.column_stack([GAPS, ~GAPS])
    X[gaps] = "NaT"
    filled, built, _ = completed(X)
    assert filled.dtype == built.dtype == X.dtype
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    np.testing.assert_array_equal(built[~gaps], X[~gaps])
    check_range(X[~gaps].tolist(), filled[gaps].tolist())


@pytest.mark.parametrize("low", [-(2**63), 2**63 - 301, 2**53 - 7])
def test_large_integers_of_an_array(low):
    X = np.column_stack([low + STEPS, STEPS[::-1]])
    filled, built, _ = completed(X)
    np.testing.assert_array_equal(filled, X)
    np.testing.assert_array_equal(built, X)
    assert built.dtype == X.dtype == np.int64


def test_objects_of_a_list():
    rows = [
        [day, price, 2**65 + k] for k, (day, price) in enumerate(zip(DAYS, PRICES, strict=True))
    ]
    rows[3] = [None, None, None]
    filled, _, _ = completed(rows)
    assert list(map(type, filled[3])) == [dt.datetime, Decimal, int]
    assert filled[3, 1].as_tuple().exponent == -2
    assert filled[:3].tolist() == rows[:3]


def visits(**dtype):
    """A visit on the day that a number tells, up to two days."""
    rng = np.random.default_rng(1)
    day = rng.integers(0, 365, 300)
    visit = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"), **dtype)
    table = pd.DataFrame({"visit": visit, "number": day + rng.integers(0, 3, 300)})
    gaps = rng.random(300) < 0.2
    return table.assign(visit=visit.mask(gaps)), table, gaps


def test_a_date_is_told_by_the_column_that_goes_with_it():
    table, truth, gaps = visits()
    filled = MissDiffImputer(max_iter=20, random_state=0).fit_transform(table)
    error = (filled["visit"] - truth["visit"])[gaps].dt.total_seconds() / 86400
    assert np.sqrt((error**2).mean()) < 4  # days; a mean fill is off by 100
    assert (filled["visit"] == filled["visit"].dt.normalize()).all()
    mask = np.column_stack([gaps, np.zeros(300, dtype=bool)])
    rmse = imputation_rmse(truth, filled, mask)
    assert rmse == pytest.approx(86400 * np.sqrt((error**2).mean()))
    assert imputation_mae(truth, filled, mask, scale={"visit": 86400, "number": 1}) == (
        pytest.approx(error.abs().mean())
    )
    one = imputation_rmse(truth, filled, mask, scale="sd")
    days = truth.assign(visit=(truth["visit"] - pd.Timestamp("2024-01-01")).dt.days)
    other = filled.assign(visit=(filled["visit"] - pd.Timestamp("2024-01-01")).dt.days)
    assert one == pytest.approx(imputation_rmse(days, other, mask, scale="sd"))


@pytest.mark.parametrize(
    ("step", "unit"), [("D", "D"), ("h", "h"), ("min", "m"), ("s", "s"), ("ms", "ms"), ("us", "us")]
)
def test_steps_are_those_of_the_observed_values(step, unit):
    values = pd.Series(pd.Timestamp("2024-03-01") + pd.to_timedelta(STEPS * 7, unit=step))
    filled, _, encoder = completed(pd.DataFrame({"x": values.mask(GAPS), "z": STEPS * 1.0}))
    size = np.timedelta64(1, unit) / np.timedelta64(1, "s")
    assert encoder.schema_.columns[0].clock.step_size == size
    assert (filled["x"].to_numpy() == filled["x"].to_numpy().astype(f"M8[{unit}]")).all()
    assert any((filled["x"][GAPS] - pd.Timestamp("2024-03-01")) % pd.Timedelta(7, step) != "0s")


def test_days_of_a_zone_are_its_midnights_on_both_sides_of_a_change():
    table, _, gaps = visits()
    table["visit"] = table["visit"].dt.tz_localize("Europe/Berlin")
    filled = MissDiffImputer(max_iter=0, random_state=0, bounds="observed").fit_transform(table)
    new = filled["visit"][gaps]
    assert (new == new.dt.normalize()).all()
    assert new.map(lambda at: at.utcoffset()).nunique() == 2
    spring = pd.DataFrame({"x": pd.Series(["2024-03-30", "2024-04-01"], dtype="datetime64[s]")})
    spring["x"] = spring["x"].dt.tz_localize("Europe/Berlin")
    column = TableEncoder().fit(spring).schema_.columns[0]
    assert (column.minimum, column.maximum) == (0, 2)  # of 47 hours


def test_a_midnight_that_is_skipped_is_the_first_moment_of_its_day():
    days = pd.Series(pd.date_range("2018-10-30", "2018-11-09").delete(5)).dt.tz_localize(
        "America/Sao_Paulo"
    )
    frame = pd.DataFrame({"x": days, "z": np.arange(10.0)})
    table = read_table(frame)
    built = build_table(table.schema, [np.array([5.0]), np.array([0.0])])
    assert built["x"][0] == pd.Timestamp("2018-11-04 01:00", tz="America/Sao_Paulo")


def test_nanoseconds_survive_beside_a_longer_span_than_float64_tells_apart():
    values = pd.Series(np.array([1, 10**18 + 1, 5 * 10**17 + 7, 3]).view("M8[ns]"))
    frame = pd.DataFrame({"x": [*values, pd.NaT], "z": range(5)})
    filled = MissDiffImputer(max_iter=0, bounds="observed", random_state=0).fit_transform(frame)
    assert filled["x"][:4].tolist() == values.tolist()
    assert values.min() <= filled["x"][4] <= values.max()


WIDE = [0, 2**53, 2**60 + 1, 7]


@pytest.mark.parametrize(
    "make",
    [
        lambda values: pd.DataFrame({"key": pd.array(values, dtype="Int64")}),
        lambda values: pl.DataFrame({"key": values}),
        lambda values: np.array(values)[:, None],
    ],
)
@pytest.mark.parametrize("estimator", [MissDiffImputer(), MissDiffSampler(), TableEncoder()])
def test_integers_too_far_apart_are_refused_before_training(make, estimator):
    with pytest.raises(ValueError, match=r"olumn ('key'|0) holds whole numbers from 0 to about .*"
                       "list it in categorical_features"):  # fmt: skip
        estimator.fit(make(WIDE))
    assert read_table(make(WIDE)).columns[0].tolist() == [float(value) for value in WIDE]
    exact = clone(estimator).set_params(categorical_features=[0])
    if isinstance(exact, TableEncoder):
        assert exact.fit(make(WIDE)).categories_[0].tolist() == sorted(WIDE)


def test_integers_with_a_common_step_may_be_further_apart():
    frame = pl.DataFrame({"at": [10**18 + k * 10**12 for k in (0, 5, 100_000)], "z": [1, 2, 3]})
    _filled, built, _ = completed(frame.with_columns(pl.col("at").cast(pl.Int64)))
    assert built.equals(frame)


def test_large_integers_stay_in_range_in_the_estimators():
    table = pd.DataFrame(
        {"key": pd.array([2**63 - 1 - k for k in range(120)], dtype="Int64"), "z": np.arange(120.0)}
    )
    table.loc[:20, "key"] = pd.NA
    low, high = table["key"].min(), table["key"].max()
    for params in ({"bounds": "observed"}, {"snap": ["key"]}):
        imputer = MissDiffImputer(max_iter=0, random_state=0, **params).fit(table)
        for filled in (imputer.transform(table), *imputer.multiple_impute(table, 3)):
            assert filled["key"][:21].between(low, high).all()
            if "snap" in params:
                assert filled["key"].isin(table["key"].dropna()).all()
    rows = MissDiffSampler(max_iter=0, random_state=0).fit(table).sample(200)
    assert rows["key"].between(low, high).all()
    assert rows["key"].nunique() > 50


def test_a_column_may_come_in_another_unit_library_or_class():
    frame = pd.DataFrame({"x": PANDAS["days in ns"], "z": STEPS * 1.0})
    encoder = TableEncoder().fit(frame)
    codes = encoder.transform(frame)
    for other in (
        frame.astype({"x": "datetime64[s]"}),
        frame.assign(x=[day.date() for day in DAYS]),
        pl.DataFrame({"x": DAYS, "z": STEPS * 1.0}),
        pl.DataFrame({"x": pl.Series(DAYS).cast(pl.Date), "z": STEPS * 1.0}),
    ):
        np.testing.assert_array_equal(encoder.transform(other), codes)
    gap = pl.DataFrame({"x": pl.Series([None, DAYS[0]], dtype=pl.Datetime("ms")), "z": [1.0, 2.0]})
    filled = fill_table(read_table(gap, schema=encoder.schema_), [np.zeros(2)] * 2)
    assert filled["x"].to_list() == [min(DAYS), DAYS[0]]
    zoned = pd.DataFrame({"x": PANDAS["days in a zone"], "z": STEPS * 1.0})
    in_utc = zoned.assign(x=zoned["x"].dt.tz_convert("UTC"))
    encoder = TableEncoder().fit(zoned)
    np.testing.assert_array_equal(encoder.transform(in_utc), encoder.transform(zoned))
    decimals = TableEncoder().fit(pd.DataFrame({"x": PRICES}, dtype=object))
    floats = pd.DataFrame({"x": list(map(float, PRICES))})
    np.testing.assert_array_equal(
        decimals.transform(floats), decimals.transform(pd.DataFrame({"x": PRICES}, dtype=object))
    )
    numbers = TableEncoder().fit(floats)
    np.testing.assert_allclose(
        numbers.transform(pd.DataFrame({"x": PRICES}, dtype=object)), numbers.transform(floats)
    )


def test_an_empty_column_takes_the_dates_of_the_fit():
    encoder = TableEncoder().fit(pd.DataFrame({"x": PANDAS["days in ns"], "z": STEPS * 1.0}))
    values = [np.array([0.0, 3.0]), np.zeros(2)]
    for new, dtype in (
        (pd.DataFrame({"x": [None, None], "z": [1.0, 2.0]}), "datetime64[ns]"),
        (pl.DataFrame({"x": [None, None], "z": [1.0, 2.0]}), pl.Datetime("ns")),
    ):
        filled = fill_table(read_table(new, schema=encoder.schema_), values)
        assert filled["x"].dtype == dtype
        assert list(filled["x"]) == [min(DAYS), min(DAYS) + dt.timedelta(days=3)]


def test_dates_never_observed_are_kept_on_request():
    frame = pd.DataFrame({"x": pd.Series([pd.NaT] * 3, dtype="datetime64[s]"), "z": [1.0, 2, 3]})
    imputer = MissDiffImputer(max_iter=0, keep_empty_features=True).fit(frame)
    assert imputer.transform(frame)["x"].tolist() == [pd.Timestamp(0)] * 3
    new = frame.assign(x=pd.to_datetime(["2024-01-01", None, None]).astype("datetime64[s]"))
    assert imputer.transform(new)["x"][0] == pd.Timestamp("2024-01-01")


@pytest.mark.parametrize(
    ("fitted", "new", "message"),
    [
        ("days in ns", pd.Series(STEPS), "held dates without a time zone .* holds numbers now"),
        ("days in ns", pd.Series(["a"] * N_ROWS), "holds text now, such as 'a'"),
        ("days in ns", PANDAS["durations"], "holds durations now"),
        ("days in ns", PANDAS["days in a zone"], "with the time zone Europe/Berlin now"),
        ("days in a zone", PANDAS["days in s"], "holds dates without a time zone now"),
        ("months", PANDAS["Period objects"], r"held periods \(M\) .* periods \(Q-DEC\) now"),
        ("Int64", PANDAS["days in ns"], "held numbers when"),
    ],
)
def test_other_values_than_in_fit_are_refused(fitted, new, message):
    encoder = TableEncoder().fit(pd.DataFrame({"x": PANDAS[fitted]}))
    with pytest.raises(TypeError, match=f"Column 'x' .*{message}"):
        encoder.transform(pd.DataFrame({"x": new}))


def test_dates_as_categories_are_refused_with_a_way_out():
    frame = pd.DataFrame({"x": PANDAS["days in s"]})
    with pytest.raises(TypeError, match=r"Column 'x' holds dates .*convert it to text or to a cat"):
        TableEncoder(categorical_features=["x"]).fit(frame)
    assert TableEncoder().fit(frame.astype("category")).categories_[0] is not None


@pytest.mark.parametrize(
    "bounds",
    [
        ("2024-03-01", "2024-03-20"),
        (pd.Timestamp("2024-03-01"), np.datetime64("2024-03-20")),
        (dt.date(2024, 3, 1), dt.datetime(2024, 3, 20)),
        {"visit": ["2024-03-01", "2024-03-20"]},
        {"visit": ("2024-02-29T23:00", "2024-03-20T23:59"), "number": "observed"},
    ],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_bounds_take_dates(bounds, zone):
    table, _, gaps = visits()
    table["visit"] = table["visit"].dt.tz_localize(zone)
    imputer = MissDiffImputer(max_iter=0, random_state=0, bounds=bounds, sample_posterior=True)
    new = imputer.fit_transform(table)["visit"][gaps]
    ends = pd.to_datetime(["2024-03-01", "2024-03-20"]).tz_localize(zone)
    assert new.min() == ends[0]
    assert new.max() == ends[1]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"visit": (1, 2)}, "pair .* of dates, got .*: 1 is not a date"),
        ({"visit": ("a", None)}, "'a' is not a date"),
        ({"visit": ("2024-05-01", "2024-01-01")}, "must be in order"),
        ({"visit": ("2024-05-01T01:00", "2024-05-01T02:00")}, "no whole step of 86400 seconds"),
        ({"visit": (pd.Timestamp("2024-05-01", tz="UTC"), None)}, "has a time zone, which"),
        ({"number": ("2024-05-01", None)}, "number.* must be"),
        ((dt.timedelta(1), None), "for none of the numeric columns"),
    ],
)
def test_bounds_that_do_not_fit_name_the_column(bounds, message):
    with pytest.raises(ValueError, match=message):
        MissDiffImputer(max_iter=0, bounds=bounds).fit(visits()[0])


def test_a_pair_of_numbers_is_not_for_dates():
    table, _, gaps = visits()
    table.loc[~gaps, "number"] = np.where(
        np.arange((~gaps).sum()) % 2, np.nan, table["number"][~gaps]
    )
    filled = MissDiffImputer(max_iter=0, random_state=0, bounds=(100, 110)).fit_transform(table)
    assert filled["number"][table["number"].isna()].between(100, 110).all()
    assert filled["visit"][gaps].nunique() > 20


def test_snap_and_bounds_together():
    table, _, gaps = visits()
    bounds = {"visit": ("2024-06-01", "2024-06-30")}
    imputer = MissDiffImputer(max_iter=0, random_state=0, bounds=bounds, snap=["visit"])
    new = imputer.fit_transform(table)["visit"][gaps]
    assert new.isin(table["visit"]).all()
    assert new.between(*bounds["visit"]).all()
    with pytest.raises(ValueError, match="2025-06-01 to 2025-06-30, hold none of its observed"):
        MissDiffImputer(max_iter=0, bounds={"visit": ("2025-06-01", "2025-06-30")}, snap=True).fit(
            table
        )


@pytest.fixture(scope="module")
def sampler():
    frame = pd.DataFrame(
        {
            "day": PANDAS["days in ns"],
            "at": PANDAS["nanoseconds in a zone"],
            "took": PANDAS["durations"],
            "month": PANDAS["months"],
            "price": PANDAS["Decimal objects"],
            "key": PANDAS["Int64"],
            "time": PANDAS["time objects"],
            "z": STEPS * 1.0,
        }
    )
    frame = frame.mask(np.random.default_rng(0).random(frame.shape) < 0.1)
    return MissDiffSampler(max_iter=0, random_state=0).fit(frame)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("day", "2024-05-17", pd.Timestamp("2024-05-17")),
        ("day", "2024-05-17T12:30:00.000000001", pd.Timestamp("2024-05-17T12:30:00.000000001")),
        ("day", dt.date(2030, 5, 17), pd.Timestamp("2030-05-17")),
        ("day", np.datetime64("2024-05-17", "ns"), pd.Timestamp("2024-05-17")),
        ("at", "2023-11-20T12:00", pd.Timestamp("2023-11-20T12:00", tz="America/New_York")),
        ("at", "2023-11-20T12:00Z", pd.Timestamp("2023-11-20T12:00", tz="UTC")),
        ("took", dt.timedelta(minutes=7), pd.Timedelta(minutes=7)),
        ("month", "2021-05", pd.Period("2021-05", "M")),
        ("price", Decimal("12.34"), Decimal("12.34")),
        ("price", 0.25, Decimal("0.25")),
        ("key", 2**63 - 1, 2**63 - 1),
        ("time", "13:00", dt.time(13)),
    ],
)
def test_given_values_come_back(sampler, column, value, expected):
    rows = sampler.sample(3, given={column: value})
    assert rows[column].tolist() == [expected] * 3
    rows = sampler.sample(given={column: [value, None]})
    assert rows[column][0] == expected
    assert rows.notna().all(axis=None)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"day": 5}, TypeError, "column 'day' to 5: 5 is not a date"),
        ({"day": "soon"}, ValueError, "column 'day' to 'soon': 'soon' is not a date"),
        ({"day": pd.Timestamp(0, tz="UTC")}, TypeError, "has a time zone"),
        ({"day": pd.Series([1.5])}, TypeError, "held dates without a time zone"),
        ({"key": 5}, ValueError, "column 'key' to 5, which cannot be kept exactly"),
        ({"key": 2**63}, ValueError, "column 'key' to 9223372036854775808, which cannot"),
        ({"price": Decimal("0.001")}, ValueError, "column 'price' to .* cannot be kept exactly"),
        ({"took": "PT5M"}, ValueError, "'PT5M' is not a duration"),
        ({"month": pd.Period("2021", "Y")}, ValueError, "is of frequency Y.*, not M"),
    ],
)
def test_given_values_that_cannot_be_kept_are_refused(sampler, given, error, message):
    with pytest.raises(error, match=message):
        sampler.sample(given=given)


def test_partial_rows_of_frames_are_given(sampler):
    given = pl.DataFrame({"day": [DAYS[3], None], "took": [None, HOURS[2]]})
    rows = sampler.sample(given=given)
    assert rows["day"][0] == DAYS[3]
    assert rows["took"][1] == HOURS[2]


def test_gaps_of_generated_rows_are_nat(sampler):
    rows = sampler.sample(300, keep_missing=True)
    assert rows["day"].isna().any()
    assert rows["key"].isna().any()
    assert rows.dtypes.equals(sampler.sample(1).dtypes)


def test_a_model_of_dates_is_saved(sampler, tmp_path):
    sampler.save(tmp_path / "model.npz")
    again = MissDiffSampler.load(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(again.sample(5), sampler.sample(5))


def test_missing_marks_in_large_integers_and_decimals():
    top = 2**63 - 1
    frame = pd.DataFrame({"key": [top - k if k % 4 else -1 for k in range(40)], "z": range(40)})
    imputer = MissDiffImputer(max_iter=0, missing_values=-1, random_state=0).fit(frame)
    assert imputer.transform(frame)["key"].between(top - 39, top).all()
    prices = pd.DataFrame({"x": [Decimal("0.1"), Decimal("0.3"), Decimal("0.2")]}, dtype=object)
    assert read_table(prices, missing_values=0.1).missing[:, 0].tolist() == [True, False, False]
    encoder = TableEncoder(missing_values=0.2).fit(prices)
    decoded = encoder.inverse_transform([[0.0]])["x"][0]
    assert decoded in (Decimal("0.1"), Decimal("0.3"))


def test_cells_of_dates_are_hidden():
    table, truth, _ = visits()
    hidden, mask = ampute(truth, "mar", 0.3, observed_columns=["number"], random_state=0)
    assert hidden["visit"].dtype == truth["visit"].dtype
    assert (hidden["visit"].isna() == mask[:, 0]).all()
    X = np.column_stack([ARRAYS["days"], ARRAYS["days"][::-1]])
    hidden, mask = ampute(X, random_state=0)
    assert hidden.dtype == X.dtype
    assert (missing_pattern(hidden).missing_counts == mask.sum(axis=0)).all()
    big = 2**60 + np.arange(20).reshape(10, 2)
    hidden, mask = ampute(big, random_state=0)
    assert (hidden[~mask] == big[~mask]).all()
    assert missing_pattern(table).missing_counts.tolist() == [table["visit"].isna().sum(), 0]


def test_frames_of_another_library_on_request():
    table, _, _gaps = visits()
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(table)
    same = imputer.transform(table)
    other = imputer.set_output(transform="polars").transform(table)
    assert other["visit"].to_list() == same["visit"].tolist()
    assert isinstance(other.schema["visit"], pl.Datetime)


def test_objects_of_several_classes_are_refused():
    for values, message in (
        (np.array([np.datetime64("2024-01-01", "ns"), "x"], dtype=object), "datetime64"),
        ([pd.Timestamp(0, tz=zone) for zone in ("UTC", "Asia/Tokyo")], "time zones.*to_datetime"),
        ([dt.date(2024, 1, 1), 5.0], r"date\(2024"),
        ([Decimal(1), 0.5], r"Decimal\('1'\)"),
    ):
        frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
        with pytest.raises(TypeError, match=f"Column 'x' holds .*{message}"):
            read_table(frame)


@pytest.mark.parametrize(
    "bounds",
    [
        (pd.Timestamp("2024-03-01T00:00:00.000000001"), np.datetime64("2024-03-20")),
        (dt.date(2024, 3, 1), dt.datetime(2024, 3, 20, tzinfo=None)),
        {"visit": ("2024-03-01", None), "number": (Decimal("0.5"), 300)},
    ],
)
def test_bounds_of_dates_are_saved(bounds, tmp_path):
    table, _, _ = visits()
    imputer = MissDiffImputer(max_iter=0, random_state=0, bounds=bounds).fit(table)
    imputer.save(tmp_path / "model.npz")
    again = MissDiffImputer.load(tmp_path / "model.npz")
    assert again.bounds == bounds
    pd.testing.assert_frame_equal(again.transform(table), imputer.transform(table))


@pytest.mark.parametrize(
    "value",
    [dt.timedelta(1, 2, 3), dt.time(1, 2), pd.Timedelta("1 days 00:00:00.000000001"),
     pd.Period("2024-05", "M"), Decimal("1.10")],
)  # fmt: skip
def test_times_survive_as_words(value):
    again = time_from_words(*time_in_words(value))
    assert (type(again), again) == (type(value), value)


def test_a_report_shows_dates_as_dates():
    frame = pd.DataFrame(
        {
            "day": PANDAS["days in ns"],
            "price": PANDAS["Decimal objects"],
            "key": PANDAS["Int64"],
            "took": PANDAS["durations"],
            "few": pd.Series(DAYS[:2] * (N_ROWS // 2)),
        }
    )
    report = SyntheticReport(frame, frame[::-1], random_state=0)
    text = report.to_html()
    first, last = min(DAYS).date(), max(DAYS).date()
    days = np.std(STEPS)
    assert re.search(rf"mean 2024-\d\d-\d\d, sd {days:.4g} days, {first} to {last}", text)
    assert f"{float(min(PRICES)):g}" in text
    assert f"{2**63 - 1 - int(STEPS.max())} to {2**63 - 1 - int(STEPS.min())}" in text
    figure = report.plot()
    figure.canvas.draw()
    axes = {ax.get_title().split()[0]: ax for ax in figure.get_axes() if ax.get_title()}
    low, high = (date2num(day) for day in (min(DAYS), max(DAYS)))
    for name in ("day", "few"):
        bars = [bar.get_x() for bar in axes[name].patches if hasattr(bar, "get_x")]
        assert low - 10 < min(bars) <= max(bars) < high + 10
    heights = [bar.get_height() for bar in axes["key"].patches if hasattr(bar, "get_x")]
    assert 0 < max(heights) < np.inf
    labels = [label.get_text() for label in axes["took"].get_xticklabels()]
    assert any("day" in label or ":" in label for label in labels)
    assert max(bar.get_x() for bar in axes["price"].patches if hasattr(bar, "get_x")) <= max(PRICES)


@pytest.mark.parametrize(
    "kind", ["days in ns", "days in s", "date objects", "arrow times", "months"]
)
def test_numbers_far_off_are_the_last_ones_that_there_is_room_for(kind):
    table = read_table(pd.DataFrame({"x": PANDAS[kind], "z": STEPS * 1.0}))
    built = build_table(table.schema, [np.array([-1e18, 1e18]), np.zeros(2)])
    low, high = built["x"].tolist()
    assert low <= PANDAS[kind].min()
    assert high >= PANDAS[kind].max()


def test_values_in_words():
    frame = pd.DataFrame(
        {name: PANDAS[name] for name in ("nanoseconds", "days in a zone", "months")}
    )
    columns = read_table(frame).schema.columns
    assert columns[0].text(columns[0].minimum) == (
        f"{frame['nanoseconds'].min().floor('us')} and {FINE.min() % 1000} ns"
    )
    assert columns[1].text(columns[1].maximum) == str(max(DAYS))[:10]
    assert columns[2].text(0) == str(frame["months"].min())


@pytest.mark.parametrize("zeros", [1, 39])
def test_the_last_step_is_not_beyond_the_last_value(zeros):
    """Of a span that float64 does not tell apart: the last value is between two steps."""
    last = 576_460_752_303_423_451
    values = pd.Series([0] * zeros + [last] * (40 - zeros), dtype="timedelta64[ns]")
    frame = pd.DataFrame({"x": [*values, *[pd.NaT] * 40], "z": np.arange(80) % 40 * 1.0})
    imputer = MissDiffImputer(max_iter=0, random_state=0, bounds="observed", sample_posterior=True)
    new = imputer.fit_transform(frame)["x"][40:]
    assert new.min() >= pd.Timedelta(0)
    assert new.max() <= pd.Timedelta(last)
    assert zeros == 39 or new.max() > pd.Timedelta(last - 1000)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_of_all_stand_for_themselves(day):
    """Data bases write them for never and for ever."""
    end = dt.date.fromisoformat(day)
    days = pl.Series([end, None, end, dt.date(2024, 5, 17), None] * 4)
    for column in (
        days,
        days.cast(pl.Datetime("us")),
        # In zones west of Greenwich the first day has not begun everywhere.
        *([days.cast(pl.Datetime("ms")).dt.replace_time_zone("America/New_York")] * (end.year > 1)),
        days.to_pandas().astype("datetime64[s]"),
        pd.Series(days.to_list(), dtype=object),
    ):
        library = pl if isinstance(column, pl.Series) else pd
        frame = library.DataFrame({"x": column, "z": np.arange(20.0)})
        imputer = MissDiffImputer(max_iter=0, random_state=0, bounds="observed", snap=True)
        filled = imputer.fit_transform(frame)["x"].to_list()
        observed = [value for value in column.to_list() if not pd.isna(value)]
        assert set(filled) == set(observed)


def test_large_integers_of_a_list_stay_beside_a_float():
    rows = [[2**60 + k, 0.5 * k, True] for k in range(10)]
    rows[3][1] = float("nan")
    completed = MissDiffImputer(max_iter=0, random_state=0).fit_transform(rows)
    assert completed[:, 0].tolist() == [row[0] for row in rows]
    new = [[2**60 + 1, float("nan"), True], [2**60 + 3, 1.0, True]]
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(rows)
    assert imputer.transform(new)[:, 0].tolist() == [2**60 + 1, 2**60 + 3]
