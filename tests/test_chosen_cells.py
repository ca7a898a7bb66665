"""Cells that are to stay missing: `impute_columns` and `where`."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmissdiff import MissDiffImputer


def visits(n=60):
    """Who is pregnant, since how many weeks and until when; some answers are missing."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], n)
    pregnant = np.where((sex == "f") & (rng.random(n) < 0.8), "yes", "no").astype(object)
    weeks = pd.array(rng.integers(1, 40, n), dtype="Int64")
    due = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200, n), unit="D")
    table = pd.DataFrame(
        {"sex": sex, "pregnant": pregnant, "weeks": weeks, "due": due, "age": rng.normal(30, 5, n)}
    )
    table.loc[table["pregnant"] == "no", ["weeks", "due"]] = None
    for name in ("pregnant", "weeks", "due", "age"):
        table.loc[rng.random(n) < 0.2, name] = None
    table.index = np.arange(n) + 100
    return table


RULES = {"weeks": ("pregnant", "yes"), "due": ("pregnant", ["yes"]), "pregnant": ("sex", "f")}


@pytest.fixture(scope="module")
def fitted():
    return MissDiffImputer(max_iter=3, n_steps=3, random_state=0).fit(visits())


def test_other_columns_stay_as_they_are(fitted):
    table = visits()
    done = fitted.transform(table, impute_columns=["age", "weeks"])
    whole = fitted.transform(table)
    for name in table:
        expected = whole if name in ("age", "weeks") else table
        pd.testing.assert_series_equal(done[name], expected[name])
    assert_frame_equal(done, fitted.transform(table, impute_columns=[-1, 2]))
    assert_frame_equal(
        done, fitted.transform(table, impute_columns=[False, False, True, False, True])
    )
    assert_frame_equal(table, visits())


def test_rules_look_at_completed_rows(fitted):
    table = visits()
    done = fitted.transform(table, where=RULES)
    assert_frame_equal(done.dtypes.to_frame(), table.dtypes.to_frame())
    yes, women = done["pregnant"] == "yes", done["sex"] == "f"
    assert done.loc[yes, ["weeks", "due"]].notna().all().all()
    for name in ("weeks", "due"):
        assert_array_equal(done.loc[~yes, name].isna(), table.loc[~yes, name].isna())
    assert_array_equal(done["pregnant"].isna(), table["pregnant"].isna() & ~women)
    assert (table["pregnant"].isna() & yes).any()  # a rule that looks at an imputed cell
    assert (table["pregnant"].isna() & ~women).any()
    assert done["age"].notna().all()


def test_a_rule_may_be_a_function(fitted):
    table = visits()
    functions = {
        "weeks": lambda t: t["pregnant"] == "yes",
        "due": lambda t: (t["pregnant"] == "yes").tolist(),
        "pregnant": ("sex", "f"),
    }
    done = fitted.transform(table, where=functions)
    assert_frame_equal(done, fitted.transform(table, where=RULES))


def test_each_draw_decides_for_itself(fitted):
    table = visits()
    whole = fitted.multiple_impute(table, 4)
    chosen = fitted.multiple_impute(table, 4, where={"weeks": ("pregnant", "yes")})
    for one, other in zip(whole, chosen, strict=True):
        gone = table["weeks"].isna() & (one["pregnant"] != "yes")
        assert_frame_equal(other, one.assign(weeks=one["weeks"].mask(gone)))
    answers = [set(np.flatnonzero(other["weeks"].isna())) for other in chosen]
    assert answers[0] != answers[1]


@pytest.mark.parametrize("make", [lambda m: m, lambda m: m.to_numpy(), lambda m: m[["age"]]])
def test_a_mask_says_which_cells(fitted, make):
    table = visits()
    mask = pd.DataFrame(
        np.random.default_rng(1).random(table.shape) < 0.5, table.index, list(table)
    )
    chosen = make(mask)
    done = fitted.transform(table, where=chosen)
    if getattr(chosen, "shape", None) != mask.shape:
        mask.loc[:, mask.columns != "age"] = True
    assert_frame_equal(done, table.where(~mask, fitted.transform(table)))


def test_rows_that_need_nothing_change_no_other_draw():
    """Equal rows, of which only some are asked for."""
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 2)), 3, axis=0)
    X[::2, 0] = np.nan
    imputer = MissDiffImputer(max_iter=3, n_steps=3, sample_posterior=True, random_state=0).fit(X)
    rows = np.arange(len(X)) % 4 != 0
    done, whole = imputer.transform(X, where={0: rows}), imputer.transform(X)
    assert_array_equal(done[rows], whole[rows])
    assert_array_equal(done[~rows], X[~rows])


@pytest.mark.parametrize(
    "convert", [pl.from_pandas, lambda t: pa.Table.from_pandas(t, None, False)]
)
def test_frames_of_other_libraries(convert):
    table = convert(visits())
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(table)
    done = imputer.transform(table, where={**RULES, "weeks": lambda t: is_yes(t["pregnant"])})
    assert isinstance(done, type(table))
    assert done.schema == table.schema
    done = done.to_pandas()
    yes = done["pregnant"] == "yes"
    assert done.loc[yes, ["weeks", "due"]].notna().all().all()
    assert done.loc[~yes, "due"].isna().sum() == visits()["due"].isna()[(~yes).to_numpy()].sum()


def is_yes(column):
    if isinstance(column, pl.Series):
        return column == "yes"  # null where it is null
    return pa.compute.equal(column, "yes")


def test_a_marker_stays_a_marker():
    X = np.random.default_rng(0).normal(size=(30, 2))
    X[::3, 0] = -9
    imputer = MissDiffImputer(max_iter=3, missing_values=-9, random_state=0, add_indicator=True)
    done = imputer.fit_transform(X, where={0: np.arange(30) > 15})
    assert_array_equal(done[::3, 0] == -9, np.arange(0, 30, 3) <= 15)
    assert_array_equal(done[:, 2], X[:, 0] == -9)


def test_pipelines_route_it():
    table = visits()
    with sklearn.config_context(enable_metadata_routing=True):
        imputer = MissDiffImputer(max_iter=3, random_state=0)
        imputer.set_transform_request(where=True, impute_columns=True)
        keep = FunctionTransformer()
        pipe = make_pipeline(imputer, keep)
        done = pipe.fit_transform(table, where=RULES, impute_columns=["weeks"])
        again = pipe.transform(table, where=RULES, impute_columns=["weeks"])
    own = MissDiffImputer(max_iter=3, random_state=0).fit(table)
    assert_frame_equal(done, own.transform(table, where=RULES, impute_columns=["weeks"]))
    assert_frame_equal(done, again)
    assert done["age"].isna().any()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"weeks": ("pregnant", "yse")}, "'yse' in column 'pregnant', a level that was not"),
        ({"weeks": ("sex",)}, "of column 'weeks' must be a pair"),
        ({"wek": ("sex", "f")}, "where names column 'wek'"),
        ({"weeks": ("sexx", "f")}, "where of column 'weeks' names column 'sexx'"),
        ({"weeks": np.ones(3, bool)}, "of column 'weeks' must have the shape"),
        ({"weeks": np.ones(60)}, "must hold True and False only, got 1.0"),
        ({"weeks": ("age", "old")}, r"\['old'\] in column 'age', which cannot hold that"),
        ({"weeks": ("pregnant", "yes"), "pregnant": ("weeks", 3)}, "go round in a circle"),
        ({"weeks": ("sex", "f"), 2: ("sex", "m")}, "names column 'weeks' twice"),
        (np.ones((3, 3), bool), "where must have the shape"),
        (visits().notna().iloc[::-1], "other row labels than X"),
        ({"weeks": lambda t: t["age"]}, "the function's result must hold True and False only"),
    ],
)
def test_wrong_rules_are_refused(fitted, where, words):
    with pytest.raises((ValueError, TypeError), match=words):
        fitted.transform(visits(), where=where)


def test_wrong_columns_are_refused(fitted):
    with pytest.raises(ValueError, match="impute_columns names column 'ages'"):
        fitted.transform(visits(), impute_columns=["ages"])
    with pytest.raises(ValueError, match="impute_columns must be None or a one-dimensional"):
        fitted.transform(visits(), impute_columns="age")


@pytest.mark.parametrize(
    ("convert", "fill"),
    [
        (lambda t: t, lambda t: t.fillna(False)),
        (pl.from_pandas, lambda t: t.fill_null(False)),
        (lambda t: pa.Table.from_pandas(t, None, False), None),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_a_mask_with_nulls_asks_what_they_mean(fitted, convert, fill):
    """A comparison with a missing cell is null, and so is a mask made by one."""
    table = visits()
    known = (table["pregnant"] == "yes").astype("boolean").mask(table["pregnant"].isna())
    mask = pd.DataFrame({"weeks": known})
    native, given = convert(table.reset_index(drop=True)), convert(mask.reset_index(drop=True))
    for where in (given, {"weeks": given["weeks"]}):
        with pytest.raises(TypeError, match="nothing is known, in pandas with"):
            fitted.transform(native, where=where)
    if fill is None:
        return
    done = fitted.transform(native, where=fill(given))
    expected = fitted.transform(table, where={"weeks": known.fillna(False).to_numpy(dtype=bool)})
    found = done["weeks"].to_pandas() if isinstance(done, pl.DataFrame) else done["weeks"]
    assert_array_equal(found.to_numpy(float), expected["weeks"].to_numpy(float, na_value=np.nan))
