"""Columns in order: no row that comes out falls, and draws are as they should be."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmissdiff import MissDiffImputer, MissDiffSampler, Order

QUICK = {"max_iter": 0, "random_state": 0}


def stays(n_rows=300, share=0.3, seed=0, mean=4.0):
    """Admission and discharge in days, and what goes with the length of the stay."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 365, n_rows).astype(float)
    stay = np.floor(rng.exponential(mean, n_rows))
    X = np.column_stack([start, start + stay, stay + rng.normal(size=n_rows)])
    return X, np.where(rng.random(X.shape) < share, np.nan, X)


def as_dates(X):
    days = pd.DataFrame(X, columns=["start", "end", "x"])
    for name in ("start", "end"):
        days[name] = pd.Timestamp("2024-01-01") + pd.to_timedelta(days[name], unit="D")
    return days


def all_tables(X, relations, **params):
    """Completed, drawn and generated tables, also beside given cells."""
    imputer = MissDiffImputer(relations=relations, **{**QUICK, **params}).fit(X)
    sampler = MissDiffSampler(relations=relations, **{**QUICK, **params}).fit(X)
    yield imputer.transform(X)
    yield imputer.set_params(aggregate="median").transform(X)
    yield imputer.set_params(aggregate="mode", n_draws=2).transform(X)
    yield from imputer.multiple_impute(X, 2)
    yield sampler.sample(100)
    yield sampler.sample(given=X)
    yield from sampler.sample_batches(20, batch_size=7)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("make", [np.asarray, as_dates])
def test_no_row_falls(make, strict):
    X = stays()[1]
    X[:, 1] += strict
    relations = [Order([0, 1], strict=strict)]
    for table in all_tables(make(X), relations):
        start, end = (np.asarray(column) for column in (pd.DataFrame(table).T.values[:2]))
        assert ((start < end) if strict else (start <= end)).all()


def test_observed_cells_are_untouched_and_days_stay_days():
    table = as_dates(stays()[1])
    completed = MissDiffImputer(relations=[Order(["start", "end"])], **QUICK).fit_transform(table)
    for name in ("start", "end"):
        seen = table[name].notna()
        assert completed[name].dtype == table[name].dtype
        pd.testing.assert_series_equal(completed[name][seen], table[name][seen])
        assert (completed[name].dt.normalize() == completed[name]).all()


def test_drawn_stays_are_as_long_as_they_are():
    """Whichever end is missing: a drawn gap has the distribution of the observed ones."""
    X, gaps = stays(1500, mean=6)
    relations = [Order([0, 1])]
    imputer = MissDiffImputer(relations=relations, **QUICK).fit(gaps[:, :2])
    drawn = imputer.multiple_impute(gaps[:, :2], 1)[0]
    truth = X[:, 1] - X[:, 0]
    for missing in ([True, False], [False, True], [True, True]):
        rows = (np.isnan(gaps[:, :2]) == missing).all(axis=1)
        stay = (drawn[:, 1] - drawn[:, 0])[rows]
        assert abs(stay.mean() - truth.mean()) < 4 * truth.std() / np.sqrt(rows.sum())
        assert abs((stay == 0).mean() - (truth == 0).mean()) < 0.07


def test_a_known_end_informs_a_missing_start_as_before():
    X, gaps = stays(600)
    related, plain = (
        MissDiffImputer(relations=relations, **QUICK).fit(gaps)
        for relations in ([Order([0, 1])], None)
    )
    rows = np.isnan(gaps[:, 0]) & ~np.isnan(gaps[:, 1])
    errors = [
        np.sqrt(np.mean((imputer.transform(gaps) - X)[rows, 0] ** 2))
        for imputer in (related, plain)
    ]
    assert errors[0] < 1.05 * errors[1] < 5


def test_what_goes_with_the_gap_informs_it():
    X, gaps = stays(600)
    imputer = MissDiffImputer(relations=[Order([0, 1])], **QUICK).fit(gaps)
    given = X.copy()
    given[:, 0] = np.nan
    drawn = imputer.multiple_impute(given, 1)[0]
    assert np.corrcoef(drawn[:, 1] - drawn[:, 0], X[:, 2])[0, 1] > 0.7


def test_three_columns_and_known_ones_at_both_ends():
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.exponential(1, (300, 4)), axis=1)
    gaps = np.where(rng.random(X.shape) < 0.4, np.nan, X)
    for table in all_tables(gaps, [Order([0, 1, 2, 3])], bounds=None):
        assert (np.diff(table, axis=1) >= 0).all()


@pytest.mark.parametrize(
    "dtypes",
    [("float32", "float64"), ("Int64", "float32"), ("UInt8", "Int64"), ("float64", "Int16")],
)
def test_dtypes_beside_each_other(dtypes):
    rng = np.random.default_rng(0)
    low = np.round(rng.uniform(0, 100, 120))
    table = pd.DataFrame({"a": low, "b": low + np.round(rng.exponential(1, 120))})
    if "Int" not in "".join(dtypes):
        table += 0.1
    table["a"], table["b"] = (table[c].astype(d) for c, d in zip("ab", dtypes, strict=True))
    table = table.assign(b=table[["a", "b"]].astype(float).max(axis=1).astype(dtypes[1]))
    table = table.mask(rng.random(table.shape) < 0.4)
    for completed in all_tables(table, [Order(["a", "b"])]):
        assert [str(d) for d in completed.dtypes] == list(dtypes)
        values = completed.astype("float64")
        assert (values["a"] <= values["b"]).all()


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_days_beside_instants(unit, zone):
    """Midnights on the wall beside nanoseconds, compared to the last one."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 60, 200), unit="D")
    start = pd.Series(days).dt.tz_localize(zone)
    later = start + pd.to_timedelta(rng.exponential(2e5, 200) * (rng.random(200) < 0.8), unit="s")
    table = pd.DataFrame({"start": start.dt.as_unit("s"), "end": later.dt.as_unit(unit)})
    table = table.mask(rng.random(table.shape) < 0.4)
    for completed in all_tables(table, [Order(["start", "end"])]):
        assert (completed["start"] <= completed["end"]).all()
        assert (completed["start"].dt.tz_localize(None).dt.hour == 0).all()


def test_polars_and_names():
    table = pl.from_pandas(as_dates(stays(120)[1])).with_columns(pl.col("start").cast(pl.Date))
    for completed in all_tables(table, [Order(["start", "end"])]):
        assert (completed["start"].cast(completed["end"].dtype) <= completed["end"]).all()


def test_snapped_values_are_kept_where_they_can_be():
    X, gaps = stays(200)
    relations = [Order([0, 1])]
    for table in all_tables(gaps, relations, snap=[0, 1]):
        assert (table[:, 0] <= table[:, 1]).all()
    drawn = MissDiffImputer(relations=relations, snap=[0, 1], **QUICK).fit(gaps)
    values = drawn.multiple_impute(gaps, 1)[0]
    for j in (0, 1):
        assert np.isin(values[:, j], X[:, j]).mean() > 0.97


# What cannot be.


def test_rows_that_break_it_are_named_and_left_as_they_are():
    _, gaps = stays(100)
    gaps[3] = [50, 40, np.nan]
    gaps[7] = [60, 50, 1]
    imputer = MissDiffImputer(relations=[Order([0, 1])], **QUICK)
    with pytest.warns(UserWarning, match=r"cells of rows 3, 7 break the relation 0 <= 1\. They"):
        imputer.fit(gaps)
    with pytest.warns(UserWarning, match=r"rows 3, 7 break"):
        completed = imputer.transform(gaps)
    assert completed[3, :2].tolist() == [50, 40]
    with pytest.warns(UserWarning, match=r"row 1 break"):
        imputer.transform(gaps[2:4])


def test_a_relation_that_holds_in_few_rows_is_refused():
    _, gaps = stays(100)
    with pytest.raises(ValueError, match=r"1 <= 0 does not hold in .* such as row .* Correct"):
        MissDiffImputer(relations=[Order([1, 0])], **QUICK).fit(gaps)


def test_given_cells_may_not_break_it():
    sampler = MissDiffSampler(relations=[Order([0, 1])], **QUICK).fit(stays(60)[1])
    given = np.array([[1, 2, np.nan], [3, 2, np.nan], [np.nan, 2, 1]])
    with pytest.raises(ValueError, match="given breaks the relation 0 <= 1 in row 1"):
        sampler.sample(given=given)
    drawn = sampler.sample(given=given[::2])
    assert (drawn[:, 0] <= drawn[:, 1]).all()


@pytest.mark.parametrize(
    ("relations", "error", "message"),
    [
        ([Order(["start", "end", "start"])], ValueError, "at least two different columns"),
        ([Order(["start"])], ValueError, "at least two different columns"),
        ([Order("start")], TypeError, "takes a list of columns, got 'start'"),
        ([Order(["start", "stop"])], ValueError, "Order names column 'stop', but the columns are"),
        ([Order(["start", "x"])], TypeError, "'start', which holds dates .* 'x'.* numbers"),
        ([Order(["start", "ward"])], TypeError, "names column 'ward', which is categorical"),
        ([Order(["start", "empty"])], ValueError, "'empty', which has no observed value"),
        (["start <= end"], TypeError, "list of relations.* holds 'start <= end'"),
    ],
)
def test_wrong_relations_are_named_before_training(relations, error, message, monkeypatch):
    monkeypatch.setattr("skmissdiff._base.train_denoiser", None)
    table = as_dates(stays(60)[1]).assign(ward=list("ab") * 30, empty=np.nan)
    for cls in (MissDiffImputer, MissDiffSampler):
        with pytest.raises(error, match=message):
            cls(relations=relations, keep_empty_features=True).fit(table)


# The conventions of scikit-learn, and files.


def test_clones_searches_and_files(tmp_path):
    _, gaps = stays(120)
    imputer = MissDiffImputer(relations=[Order([0, 1])], **QUICK)
    copy = clone(imputer)
    assert copy.relations == imputer.relations
    assert copy.relations[0] is not imputer.relations[0]
    grid = {"relations": [None, [Order([0, 1])], [Order([0, 1], strict=False)]]}
    scores = GridSearchCV(imputer, grid, cv=2, error_score="raise").fit(gaps).cv_results_
    assert scores["mean_test_score"][1] == scores["mean_test_score"][2]
    imputer.fit(gaps).save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    assert loaded.relations == imputer.relations
    np.testing.assert_array_equal(
        loaded.multiple_impute(gaps, 1)[0], imputer.multiple_impute(gaps, 1)[0]
    )
    loaded.set_params(relations=[Order([0, 1], strict=True)])
    with pytest.raises(ValueError, match=r"^relations was .* when .* fit again or set it back"):
        loaded.transform(gaps)


def test_a_row_is_drawn_as_it_is_alone():
    _, gaps = stays(60)
    imputer = MissDiffImputer(relations=[Order([0, 1])], **QUICK).fit(gaps)
    together = imputer.multiple_impute(gaps, 1)[0]
    for row in np.flatnonzero(np.isnan(gaps).any(axis=1))[:5]:
        np.testing.assert_array_equal(imputer.multiple_impute(gaps[[row]], 1)[0][0], together[row])


def test_likelihoods_are_those_of_the_columns_alone():
    X, gaps = stays(300)
    sampler = MissDiffSampler(relations=[Order([0, 1])], scaling="standard", **QUICK).fit(gaps)
    plain = MissDiffSampler(scaling="standard", **QUICK).fit(gaps)
    assert abs(sampler.score(X) - plain.score(X)) < 0.5
    assert np.isfinite(sampler.score_samples(gaps)).all()


@pytest.mark.parametrize("keep_missing", [False, True])
def test_gaps_of_generated_rows(keep_missing):
    sampler = MissDiffSampler(relations=[Order([0, 1])], **QUICK).fit(stays()[1])
    rows = sampler.sample(200, keep_missing=keep_missing)
    assert np.isnan(rows).any() == keep_missing
    assert not (rows[:, 0] > rows[:, 1]).any()


def test_the_papers_method_keeps_it():
    for table in all_tables(stays(60)[1], [Order([0, 1])], method="missdiff", max_iter=5):
        assert (table[:, 0] <= table[:, 1]).all()
