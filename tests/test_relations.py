"""Sums, one-hot blocks, combinations and computed columns: what is declared comes out."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skmissdiff import (
    Combinations,
    Computed,
    FixedSum,
    MissDiffImputer,
    MissDiffSampler,
    OneHot,
    Order,
    find_relations,
)
from skmissdiff._relations.formula import Formula

QUICK = {"max_iter": 0, "random_state": 0}
PLACES = [("Ulm", "D"), ("Bonn", "D"), ("Wien", "A"), ("Graz", "A"), ("Bern", "CH")]


def clinic(n_rows=150, seed=0):
    """A table in which five relations hold, and what each is about."""
    rng = np.random.default_rng(seed)
    group, place = rng.integers(0, 3, n_rows), rng.integers(0, 5, n_rows)
    share = rng.dirichlet([3, 2, 1], n_rows) * 100
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), unit="D")
    stay = rng.integers(0, 9, n_rows)
    table = pd.DataFrame(
        {
            "a": pd.array((group == 0).astype(int), dtype="Int64"),
            "b": pd.array((group == 1).astype(int), dtype="Int64"),
            "c": pd.array((group == 2).astype(int), dtype="Int64"),
            "y": group + rng.normal(size=n_rows) / 2,
            "city": [PLACES[k][0] for k in place],
            "land": [PLACES[k][1] for k in place],
            "p1": share[:, 0].round(1),
            "p2": share[:, 1].round(1),
            "men": pd.array(rng.poisson(5, n_rows), dtype="Int64"),
            "women": pd.array(rng.poisson(3, n_rows), dtype="Int64"),
            "kg": rng.normal(70, 10, n_rows).round(1),
            "m": rng.normal(1.7, 0.1, n_rows).round(2),
            "start": start,
            "end": start + pd.to_timedelta(stay, unit="D"),
            "stay": pd.array(stay, dtype="Int64"),
        }
    )
    table["p3"] = (100 - table["p1"] - table["p2"]).round(1)
    table["all"] = table["men"] + table["women"]
    table["bmi"] = (table["kg"] / table["m"] ** 2).round(1)
    return table


RELATIONS = [
    OneHot(["a", "b", "c"]),
    Combinations(["city", "land"]),
    FixedSum(["p1", "p2", "p3"], total=100),
    FixedSum(["men", "women"], column="all"),
    Computed("bmi", "kg / m ** 2"),
    Computed("stay", "end - start"),
    Order(["start", "end"]),
]


def assert_kept(table):
    """Everything that `RELATIONS` say."""
    flags = table[["a", "b", "c"]].to_numpy(dtype=float)
    assert (np.sort(flags, axis=1) == [0, 0, 1]).all()
    assert set(zip(table["city"], table["land"], strict=True)) <= set(PLACES)
    parts = table[["p1", "p2", "p3"]]
    np.testing.assert_allclose(parts.sum(axis=1), 100, rtol=1e-12)
    assert (parts >= 0).all(axis=None)
    assert (table["men"] + table["women"] == table["all"]).all()
    off = (table["kg"] / table["m"] ** 2 - table["bmi"]).abs()
    assert off.max() < 0.0501
    assert (table["start"] <= table["end"]).all()
    assert ((table["end"] - table["start"]).dt.days == table["stay"]).all()


@pytest.fixture(scope="module")
def fitted():
    full = clinic()
    gaps = full.mask(np.random.default_rng(1).random(full.shape) < 0.3)
    imputer = MissDiffImputer(relations=RELATIONS, **QUICK).fit(gaps)
    sampler = MissDiffSampler(relations=RELATIONS, **QUICK).fit(gaps)
    return full, gaps, imputer, sampler


def test_all_relations_hold_in_all_that_comes_out(fitted):
    _, gaps, imputer, sampler = fitted
    assert_kept(imputer.transform(gaps))
    for drawn in imputer.multiple_impute(gaps, 2):
        assert_kept(drawn)
    assert_kept(sampler.sample(100))
    assert_kept(sampler.sample(given=gaps))
    assert_kept(pd.concat(sampler.sample_batches(30, batch_size=11)))


def test_observed_cells_and_dtypes_are_as_they_were(fitted):
    _, gaps, imputer, _ = fitted
    completed = imputer.multiple_impute(gaps, 1)[0]
    assert (completed.dtypes == gaps.dtypes).all()
    for name in gaps:
        seen = gaps[name].notna()
        pd.testing.assert_series_equal(completed[name][seen], gaps[name][seen])


def test_what_follows_from_observed_cells_is_what_it_was(fitted):
    full, gaps, imputer, _ = fitted
    completed, seen = imputer.transform(gaps), gaps.notna()
    follows = {
        "p3": seen["p1"] & seen["p2"],
        "men": seen["women"] & seen["all"],
        "all": seen["men"] & seen["women"],
        "bmi": seen["kg"] & seen["m"],
        "end": seen["start"] & seen["stay"],
        "land": seen["city"],
        "a": seen["b"] & seen["c"],
    }
    for name, rows in follows.items():
        rows = rows & ~seen[name]
        assert rows.sum() > 3
        assert (completed[name][rows] == full[name][rows]).all(), name


def test_a_saved_model_keeps_them(fitted, tmp_path):
    _, gaps, imputer, sampler = fitted
    for estimator, use in ((imputer, "transform"), (sampler, "score_samples")):
        estimator.save(tmp_path / "model.npz")
        loaded = type(estimator).load(tmp_path / "model.npz")
        assert loaded.relations == RELATIONS
        np.testing.assert_array_equal(
            *(np.asarray(getattr(e, use)(gaps), dtype=str) for e in (loaded, estimator))
        )


def test_a_row_is_drawn_as_it_is_alone(fitted):
    _, gaps, imputer, _ = fitted
    together = imputer.multiple_impute(gaps, 1)[0]
    for row in (0, 7, 20):
        alone = imputer.multiple_impute(gaps.iloc[[row]], 1)[0]
        pd.testing.assert_frame_equal(alone, together.iloc[[row]])


# Probabilities.


def test_known_cells_rule_categories_out_and_the_rest_keep_their_odds():
    rng = np.random.default_rng(0)
    group = rng.choice(3, 3000, p=[0.5, 0.3, 0.2])
    X = np.column_stack([np.eye(3)[group], group + rng.normal(size=3000)])
    sampler = MissDiffSampler(relations=[OneHot([0, 1, 2])], **QUICK).fit(X)
    drawn = sampler.sample(1500, given={0: 0})
    assert (drawn[:, 0] == 0).all()
    assert abs(drawn[:, 1].mean() - 0.6) < 0.05
    # What goes with the category is drawn given it.
    means = [drawn[drawn[:, k] == 1, 3].mean() for k in (1, 2)]
    assert np.allclose(means, [1, 2], atol=0.25)


def test_a_category_that_goes_with_a_number_is_drawn_given_it():
    rng = np.random.default_rng(0)
    place = rng.integers(0, 5, 1500)
    names = np.array(PLACES)[place]
    X = pd.DataFrame(
        {"city": names[:, 0], "land": names[:, 1], "y": place + rng.normal(size=1500) / 3}
    )
    imputer = MissDiffImputer(relations=[Combinations(["city", "land"])], **QUICK).fit(X)
    asked = X.assign(city=None)
    guessed, drawn = imputer.transform(asked), imputer.multiple_impute(asked, 1)[0]
    for table in (guessed, drawn):
        assert (table["land"] == X["land"]).all()
        assert set(zip(table["city"], table["land"], strict=True)) <= set(PLACES)
    assert (guessed["city"] == X["city"]).mean() > 0.9
    assert (drawn["city"] == X["city"]).mean() > 0.6


def test_rare_combinations_share_a_code_and_stay_combinations():
    rng = np.random.default_rng(0)
    city = rng.zipf(1.5, 2000).clip(max=60)
    X = pd.DataFrame({"city": [f"c{k}" for k in city], "land": [f"l{k % 7}" for k in city]})
    known = set(zip(X["city"], X["land"], strict=True))
    gaps = X.mask(rng.random(X.shape) < 0.3)
    gaps = gaps[gaps["city"].isna() | gaps["city"].isin(gaps.dropna()["city"])]
    relations = [Combinations(["city", "land"])]
    imputer = MissDiffImputer(relations=relations, max_categories=10, **QUICK).fit(gaps)
    for table in (imputer.transform(gaps), *imputer.multiple_impute(gaps, 2)):
        assert set(zip(table["city"], table["land"], strict=True)) <= known


def test_parts_keep_their_means_and_their_zeros():
    rng = np.random.default_rng(0)
    X = rng.dirichlet([4, 2, 2], 1500) * (rng.random((1500, 3)) < [1, 1, 0.5])
    X = 100 * X / X.sum(axis=1, keepdims=True)
    gaps = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    sampler = MissDiffSampler(relations=[FixedSum([0, 1, 2], total=100)], **QUICK).fit(gaps)
    rows = sampler.sample(1500)
    np.testing.assert_allclose(rows.sum(axis=1), 100)
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=5)
    assert abs((rows[:, 2] == 0).mean() - 0.5) < 0.15


# Other tables and dtypes.


def test_booleans_and_none_of_them():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 120)
    X = pd.DataFrame({name: group == k for k, name in enumerate("abc")}).astype("boolean")
    X = X.mask(rng.random(X.shape) < 0.3)
    relations = [OneHot(["a", "b", "c"], allow_none=True)]
    sampler = MissDiffSampler(relations=relations, **QUICK).fit(X)
    counts = sampler.sample(200).sum(axis=1)
    assert set(counts) == {0, 1}
    completed = MissDiffImputer(relations=relations, **QUICK).fit_transform(X)
    assert set(completed.sum(axis=1)) <= {0, 1}


def test_polars_durations_and_decimals():
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 5000, (120, 2))
    X = pl.DataFrame(
        {
            "a": pl.Series(parts[:, 0], dtype=pl.Int64).cast(pl.Duration("ms")),
            "b": pl.Series(1000 * parts[:, 1], dtype=pl.Int64).cast(pl.Duration("us")),
            "net": pl.Series(parts[:, 0] / 100).cast(pl.Decimal(12, 2)),
            "tax": pl.Series(parts[:, 1] / 100).cast(pl.Decimal(12, 2)),
        }
    ).with_columns(time=pl.col("a") + pl.col("b"), gross=pl.col("net") + pl.col("tax"))
    holes = rng.random(X.shape) < 0.3
    gaps = X.select(
        pl.when(pl.Series(~holes[:, k])).then(pl.col(name)).alias(name)
        for k, name in enumerate(X.columns)
    )
    relations = [FixedSum(["a", "b"], column="time"), FixedSum(["net", "tax"], column="gross")]
    imputer = MissDiffImputer(relations=relations, **QUICK).fit(gaps)
    sampler = MissDiffSampler(relations=relations, **QUICK).fit(gaps)
    for table in (imputer.transform(gaps), *imputer.multiple_impute(gaps, 1), sampler.sample(60)):
        assert table.schema == X.schema
        assert (table["a"] + table["b"] == table["time"]).all()
        assert (table["net"] + table["tax"] == table["gross"]).all()


def test_numbers_and_dates_in_combinations_and_a_list_of_them():
    days = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
    X = pd.DataFrame({"day": days.repeat(30), "code": np.repeat([7.0, 8.0, 7.0], 30)})
    gaps = X.mask(np.random.default_rng(0).random(X.shape) < 0.3)
    pairs = set(zip(X["day"], X["code"], strict=True))
    allowed = [(day, code) for day, code in sorted(pairs)] + [(pd.Timestamp("2024-04-01"), 9.0)]
    for relation in (Combinations(["day", "code"]), Combinations(["day", "code"], allowed=allowed)):
        completed = MissDiffImputer(relations=[relation], **QUICK).fit_transform(gaps)
        assert set(zip(completed["day"], completed["code"], strict=True)) <= pairs


def test_combinations_of_a_frame_are_saved_and_compared_by_their_rows(tmp_path):
    allowed = pd.DataFrame({"city": ["Ulm", "Wien"], "land": ["D", "A"]})
    X = pd.concat([allowed, allowed.assign(land=None)] * 20, ignore_index=True)
    relation = Combinations(["city", "land"], allowed=allowed)
    turned = Combinations(["city", "land"], allowed=allowed[["land", "city"]])
    completed = MissDiffImputer(relations=[turned], **QUICK).fit_transform(X)
    assert completed.drop_duplicates().values.tolist() == [["Ulm", "D"], ["Wien", "A"]]
    assert relation == Combinations(["city", "land"], allowed=allowed.copy())
    assert relation != Combinations(["city", "land"], allowed=allowed[::-1])
    imputer = MissDiffImputer(relations=[relation], **QUICK).fit(X)
    imputer.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(loaded.transform(X), imputer.transform(X))
    imputer.set_params(relations=[Combinations(["city", "land"], allowed=allowed[::-1])])
    with pytest.raises(ValueError, match="relations was"):
        imputer.transform(X)


def test_a_function_is_the_same_one_in_another_process():
    source = "def double(a): return 2 * a"
    ours, theirs, other = {}, {}, {}
    exec(source, ours)
    exec(source, theirs)
    exec("def double(a): return 3 * a", other)
    a = np.random.default_rng(0).normal(size=60)
    X = np.column_stack([a, 2 * a])
    relation = Computed(1, ours["double"], inputs=[0])
    imputer = MissDiffImputer(relations=[relation], **QUICK).fit(X)
    imputer.set_params(relations=[Computed(1, theirs["double"], inputs=[0])])
    imputer.transform(X)
    imputer.set_params(relations=[Computed(1, other["double"], inputs=[0])])
    with pytest.raises(ValueError, match="relations was"):
        imputer.transform(X)


def test_best_guesses_are_whole_beside_relations():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=90), "n": rng.poisson(5, 90).astype(float)})
    X["b"] = X["a"] + rng.exponential(size=90)
    X.loc[::3, "n"] = np.nan
    relations = [Order(["a", "b"])]
    completed = MissDiffImputer(snap="whole", relations=relations, **QUICK).fit_transform(X)
    assert (completed["n"] == completed["n"].round()).all()


def test_the_papers_method_keeps_them():
    full = clinic(60)
    gaps = full.mask(np.random.default_rng(1).random(full.shape) < 0.2)
    params = {"method": "missdiff", "max_iter": 5, "n_steps": 3, "random_state": 0}
    assert_kept(MissDiffImputer(relations=RELATIONS, n_draws=2, **params).fit_transform(gaps))
    assert_kept(MissDiffSampler(relations=RELATIONS, **params).fit(gaps).sample(30))


def test_a_solution_beyond_what_was_seen_is_found():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(50, 60, 60), rng.uniform(1.6, 1.7, 60)])
    X = np.column_stack([X, X[:, 0] / X[:, 1] ** 2])
    sampler = MissDiffSampler(relations=[Computed(2, "x0 / x1 ** 2")], **QUICK).fit(X)
    rows = sampler.sample(20, given={2: 40.0})
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1] ** 2, 40, rtol=1e-5)


def test_a_function_of_categories():
    def band(age):
        return np.where(age >= 18, "adult", "child")

    rng = np.random.default_rng(0)
    age = rng.integers(0, 80, 120).astype(float)
    X = pd.DataFrame({"age": age, "band": band(age), "old": age > 60})
    gaps = X.assign(old=X["old"].astype("boolean")).mask(rng.random(X.shape) < 0.3)
    relations = [Computed("band", band, inputs=["age"]), Computed("old", "age > 60")]
    imputer = MissDiffImputer(relations=relations, **QUICK).fit(gaps)
    completed = imputer.transform(gaps)
    for table in (completed, *imputer.multiple_impute(gaps, 2)):
        assert (table["band"] == band(table["age"])).all()
        assert (table["old"] == (table["age"] > 60)).all()


@pytest.mark.parametrize("decimals", [0, 2, 17])
def test_a_known_comparison_moves_what_it_compares(decimals):
    rng = np.random.default_rng(0)
    age = rng.uniform(0, 80, 120).round(decimals)
    X = pd.DataFrame({"age": age, "old": (age >= 60) * 1.0, "day": pd.Timestamp("2024-01-01")})
    X["day"] += pd.to_timedelta(rng.integers(0, 100, 120), "D")
    X["late"] = X["day"] > pd.Timestamp("2024-03-01")
    gaps = X.assign(age=X["age"].where(rng.random(120) < 0.6))
    gaps["day"] = X["day"].where(rng.random(120) < 0.6)

    def late(day):
        return day > 19783  # days since 1970, of 2024-03-01

    relations = [Computed("old", "age >= 60"), Computed("late", late, inputs=["day"])]
    imputer = MissDiffImputer(relations=relations, **QUICK).fit(gaps)
    for table in (imputer.transform(gaps), *imputer.multiple_impute(gaps, 2)):
        assert ((table["age"] >= 60) == table["old"]).all()
        assert ((table["day"] > pd.Timestamp("2024-03-01")) == table["late"]).all()


# What cannot be.


def test_rows_that_cannot_be_are_named():
    full = clinic(60)
    full.loc[4, ["a", "b", "c"]] = 0
    full.loc[5, "p3"] += 1
    full.loc[6, "land"] = "CH" if full.loc[6, "land"] != "CH" else "A"
    places = Combinations(["city", "land"], allowed=PLACES)
    relations = [RELATIONS[0], places, RELATIONS[2]]
    with pytest.warns(UserWarning, match="break the relation") as caught:
        imputer = MissDiffImputer(relations=relations, **QUICK).fit(full)
    texts = [str(warning.message) for warning in caught]
    assert all(f"row {row} break" in text for row, text in zip((4, 6, 5), texts, strict=True))
    with pytest.warns(UserWarning, match="break the relation") as again:
        completed = imputer.transform(full)
    assert [str(warning.message) for warning in again] == texts
    pd.testing.assert_frame_equal(completed, full)


def test_parts_that_are_more_than_the_total_leave_none_for_the_rest():
    X = clinic(80)[["p1", "p2", "p3"]]
    imputer = MissDiffImputer(relations=[FixedSum(list(X), total=100)], **QUICK).fit(X)
    X.loc[0] = [80, 30, np.nan]
    with pytest.warns(UserWarning, match=r"row 0 break the relation p1 \+ p2 \+ p3 = 100"):
        assert imputer.transform(X).loc[0, "p3"] >= 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 1, "b": 1}, "exactly one of a, b, c is 1 in row 0"),
        ({"city": "Ulm", "land": "A"}, "combinations of city, land in row 0"),
        ({"p1": 50, "p2": 50, "p3": 50}, "p1 [+] p2 [+] p3 = 100 in row 0"),
        ({"kg": 70, "m": 1.7, "bmi": 30}, "bmi = kg / m [*][*] 2 in row 0"),
    ],
)
def test_given_cells_may_not_break_them(fitted, given, message):
    with pytest.raises(ValueError, match=f"given breaks the relation {message}"):
        fitted[3].sample(given=given)


@pytest.mark.parametrize(
    ("relation", "error", "message"),
    [
        (OneHot(["a", "y"]), ValueError, "OneHot names column 'y', which holds"),
        (FixedSum(["p1", "p2"]), ValueError, "either total, a number, or column"),
        (FixedSum(["p1", "p2"], total=1, column="p3"), ValueError, "either total"),
        (FixedSum(["p1", "p2"], column="p1"), ValueError, "as a part and as the total"),
        (FixedSum(["p1", "p2"], total=1, tolerance=-1), ValueError, "tolerance .* got -1"),
        (FixedSum(["start", "end"], total=1), TypeError, "'start', which holds dates"),
        (FixedSum(["p1", "city"], total=1), TypeError, "'city', which is categorical"),
        (FixedSum(["p1", "p2"], total=70), ValueError, "does not hold in .* such as row 0"),
        (Combinations(["city", "land"], allowed=[("Ulm",)]), ValueError, "allowed"),
        (Computed("bmi", "kg / size"), ValueError, "'size', but the columns are"),
        (Computed("bmi", "kg / "), ValueError, "'kg / ' cannot be read"),
        (Computed("bmi", "kg.real"), ValueError, "holds 'kg.real'. It may hold columns"),
        (Computed("bmi", "__import__('os')"), ValueError, "It may hold columns"),
        (Computed("bmi", "bmi + kg"), ValueError, "as an input of itself"),
        (Computed("bmi", "3"), ValueError, "names no column"),
        (
            FixedSum(["p1", "p2"], total="100"),
            TypeError,
            "total of FixedSum must be a finite number",
        ),
        (FixedSum(["p1", "p2"], total=np.nan), TypeError, "must be a finite number"),
        (Computed("bmi", "max(kg)"), ValueError, "takes 2 or more arguments"),
        (Computed("bmi", "abs(kg, m)"), ValueError, "takes 1 argument,"),
        (Computed("bmi", "round(kg, decimals=1)"), ValueError, "without names"),
        (Computed("bmi", "land + 1"), TypeError, "cannot be computed from columns"),
        (Computed("bmi", "kg", inputs=["kg"]), ValueError, "has no effect beside"),
        (Computed("bmi", len), TypeError, "list of columns as inputs"),
        (Computed("bmi", 3), TypeError, "text or a function"),
        (Combinations(["a", "city"]), ValueError, "in two relations of categories"),
    ],
    ids=str,
)
def test_wrong_relations_are_named_before_training(relation, error, message, monkeypatch):
    monkeypatch.setattr("skmissdiff._base.train_denoiser", None)
    relations = [OneHot(["a", "b", "c"]), relation] if "two relations" in message else [relation]
    with pytest.raises(error, match=message):
        MissDiffImputer(relations=relations).fit(clinic(60))


def test_formulas_are_what_they_are_in_python():
    a, b = np.array([1.0, 4.0]), np.array([2.0, 3.0])
    for text, value in [
        ("a + b * 2", a + b * 2),
        ("-a ** 2 / `b`", -(a**2) / b),
        ("max(a, b) - min(a, 2)", np.maximum(a, b) - np.minimum(a, 2)),
        ("a // b % 2", a // b % 2),
        ("sqrt(a) >= b", np.sqrt(a) >= b),
        ("max(a, b, 3)", [3, 4]),
        ("round(a / 3, 1)", [0.3, 1.3]),
    ]:
        formula = Formula(text)
        columns = {"a": a, "b": b}
        np.testing.assert_array_equal(formula(*(columns[name] for name in formula.names)), value)


def test_formulas_do_not_write_to_their_columns():
    a, b, c = np.array([1.0, 4.0]), np.array([2.0, 3.0]), np.array([9.0, 0.0])
    np.testing.assert_array_equal(Formula("max(a, b, c)")(a, b, c), [9, 4])
    np.testing.assert_array_equal(c, [9, 0])


# Found relations.


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_relations_are_found(share):
    full = clinic(300)
    gaps = full.mask(np.random.default_rng(1).random(full.shape) < share)
    found = find_relations(gaps)
    expected = {relation for relation in RELATIONS if relation != RELATIONS[4]}
    spelled = {repr(relation) for relation in found}
    for relation in expected:
        assert repr(relation).replace("100", "100.0") in spelled, relation
    assert len(found) == len(expected)
    MissDiffImputer(relations=found, **QUICK).fit(gaps)


def test_products_and_copies_are_found():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"price": rng.uniform(1, 9, 90).round(2), "n": rng.integers(1, 99, 90)})
    X["unit price"] = X["price"]
    X["cost"] = (X["price"] * X["n"]).round(2)
    found = [repr(relation) for relation in find_relations(X)]
    assert found == [
        "Computed(column='unit price', formula='price')",
        "Computed(column='cost', formula='price * n')",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is(seed):
    rng = np.random.default_rng(seed)
    for X in (
        rng.normal(size=(200, 6)),
        rng.integers(0, 2, (200, 6)),
        rng.integers(0, 9, (40, 5)),
        pd.DataFrame(rng.integers(0, 4, (200, 5)).astype(str)),
        pd.DataFrame({"low": rng.random(200), "high": 5 + rng.random(200)}),  # far apart
        clinic(20),  # too few rows
    ):
        assert find_relations(X) == []


def test_relations_that_share_columns_do_not_undo_each_other():
    """An end of which the start is solved for may lie beyond the starts that were seen."""
    rng = np.random.default_rng(0)
    start, stay = rng.integers(0, 5, (2, 200)).astype(float)
    X = np.column_stack([start, start + stay, stay])
    relations = [Order([0, 1]), Computed(2, "x1 - x0")]
    for order in (relations, relations[::-1]):
        rows = MissDiffSampler(relations=order, **QUICK).fit(X).sample(200, given={2: 0})
        np.testing.assert_array_equal(rows[:, 1] - rows[:, 0], 0)
        assert (rows[:, 0] > 4).any()


def test_parts_that_are_whole_by_chance_leave_the_decimals_to_others():
    """Two whole percentages make no column of whole ones, if the rest cannot be whole."""
    X = pd.DataFrame({"p": [55.4, 59.1, None, None], "q": [22.0, 34.0, None, None]})
    X["r"] = [22.6, 6.9, None, 4.3]
    imputer = MissDiffImputer(relations=[FixedSum(["p", "q", "r"], total=100)], **QUICK).fit(X)
    for drawn in imputer.multiple_impute(X, 3):
        np.testing.assert_allclose(drawn.sum(axis=1), 100, rtol=1e-12)
        assert (drawn.round(1) == drawn).all(axis=None)
        assert (drawn["q"] % 1 == 0).all()  # which others make possible
    alone = X.assign(p=[55.0, 59.0, None, None], r=[23.0, 7.0, None, 4.3])
    for drawn in MissDiffImputer(**imputer.get_params()).fit(alone).multiple_impute(alone, 3):
        np.testing.assert_allclose(drawn.sum(axis=1), 100, rtol=1e-12)


def test_whole_parts_never_leave_less_than_nothing():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 9, 200), rng.uniform(0, 2, 200).round(1)]).astype(float)
    X = np.column_stack([X, X.sum(axis=1).round(1)])
    X[::2, :2] = np.nan
    imputer = MissDiffImputer(relations=[FixedSum([0, 1], column=2)], **QUICK).fit(X)
    for drawn in imputer.multiple_impute(X, 5):
        assert (drawn >= 0).all()
        np.testing.assert_allclose(drawn[:, 0] + drawn[:, 1], drawn[:, 2], rtol=1e-12)


def test_rows_weigh_in_blocks_and_combinations():
    full = clinic(200)
    weight = np.where((full["a"] == 1) | (full["city"] == "Bern"), 6.0, 1.0)
    gaps = full.mask(np.random.default_rng(1).random(full.shape) < 0.2)
    sampler = MissDiffSampler(relations=RELATIONS, **QUICK).fit(gaps, sample_weight=weight)
    rows = sampler.sample(800)
    assert_kept(rows)
    for found, held in ((rows["a"], full["a"]), (rows["city"] == "Bern", full["city"] == "Bern")):
        share = np.average(held.astype(float), weights=weight)
        assert abs(found.astype(float).mean() - share) < 0.08
        assert share - held.astype(float).mean() > 0.15


def test_rare_combinations_and_gaps_have_their_weighted_rates():
    level = np.r_[np.zeros(60, int), np.repeat(np.arange(1, 9), 5)]
    X = pd.DataFrame({"city": [f"c{k}" for k in level], "land": [f"l{k}" for k in level]})
    X["low"] = np.random.default_rng(0).normal(size=len(X))
    X["high"] = X["low"] + np.where(level % 2 == 1, 10.0, 1.0)
    weight = np.where(level == 1, 10.0, 1.0)
    params = {"max_categories": 2, **QUICK}
    pairs = MissDiffSampler(relations=[Combinations(["city", "land"])], **params)
    drawn = pairs.fit(X, sample_weight=weight).sample(1500)
    rare = drawn["city"][drawn["city"] != "c0"]
    assert abs((rare == "c1").mean() - 50 / 85) < 0.08
    order = MissDiffSampler(relations=[Order(["low", "high"])], **QUICK)
    drawn = order.fit(X[["low", "high"]], sample_weight=np.where(level % 2 == 1, 20.0, 1.0))
    rows = drawn.sample(1500)
    assert abs((rows["high"] - rows["low"] > 5).mean() - 400 / 480) < 0.06


@pytest.mark.parametrize("weighs", [False, True])
def test_batches_keep_them_beside_a_rule(weighs):
    """Draws of a table that comes in batches, of which some cells are to stay empty."""
    full = clinic(120)
    weight = np.where(full["men"] > 4, 3.0, 1.0) if weighs else None
    rng = np.random.default_rng(1)
    holes = rng.random(full.shape) < 0.3
    gaps = pa.Table.from_pandas(full.mask(holes), preserve_index=False)
    rules = {"y": ("city", ["Ulm", "Bonn"])}
    imputer = MissDiffImputer(relations=RELATIONS, **QUICK).fit(gaps, sample_weight=weight)
    for draw in (None, 0, 1):
        batches = gaps.to_batches(max_chunksize=17)
        done = imputer.transform_batches(batches, draw=draw, where=rules).read_all()
        assert done.schema.types == gaps.schema.types
        frame = done.to_pandas()
        assert_kept(frame)
        allowed = frame["city"].isin(["Ulm", "Bonn"])
        assert (frame["y"].isna() == (holes[:, list(full).index("y")] & ~allowed)).all()
        assert frame.drop(columns="y").notna().all(axis=None)


def test_a_stream_of_rows_that_keep_them():
    full = clinic(300)
    gaps = full.mask(np.random.default_rng(1).random(full.shape) < 0.3)
    batches = pa.Table.from_pandas(gaps, preserve_index=False).to_batches(max_chunksize=50)
    imputer = MissDiffImputer(relations=RELATIONS, **QUICK).fit(iter(batches))
    assert_kept(imputer.transform_batches(batches, draw=0).read_all().to_pandas())
    assert_kept(imputer.to_sampler().sample(50).to_pandas())


def test_what_stays_empty_breaks_nothing():
    """Nobody has left who is there still: no end, and no warning of one before its start."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, 300, 150).astype(float)
    X = pd.DataFrame({"start": start, "end": start + rng.exponential(5, 150).round()})
    X["left"] = np.where(rng.random(150) < 0.5, "yes", "no")
    X.loc[X["left"] == "no", "end"] = np.nan
    X.loc[rng.random(150) < 0.3, "end"] = np.nan
    X.loc[rng.random(150) < 0.3, "start"] = np.nan
    imputer = MissDiffImputer(relations=[Order(["start", "end"])], **QUICK).fit(X)
    for drawn in imputer.multiple_impute(X, 3, where={"end": ("left", "yes")}):
        assert (drawn["end"].notna() == (drawn["left"] == "yes")).all()
        assert not (drawn["start"] > drawn["end"]).any()


def test_large_integers_add_up_to_the_last_digit():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.poisson(50, (60, 2)) + 2**60, columns=["a", "b"])
    X["all"] = X["a"] + X["b"]
    X = X.astype("Int64").mask(rng.random(X.shape) < 0.4)
    imputer = MissDiffImputer(relations=[FixedSum(["a", "b"], column="all")], **QUICK).fit(X)
    for drawn in [imputer.transform(X), *imputer.multiple_impute(X, 3)]:
        assert (drawn["a"] + drawn["b"] == drawn["all"]).all()


def test_large_integers_in_steps_add_up():
    """The total has been seen in steps that are twice as large as those of its parts."""
    step = 2**54
    X = pd.DataFrame({"a": [6, 5, 5, 8, 6], "b": [1, 4, 4, 3, 7]})
    X["all"] = X["a"] + X["b"]
    X = (X * step).astype("Int64")
    sampler = MissDiffSampler(relations=[FixedSum(["a", "b"], column="all")], **QUICK).fit(X)
    rows = sampler.sample(50)
    assert (rows["a"] + rows["b"] == rows["all"]).all()
    assert (rows["all"] % (2 * step) == 0).any()
