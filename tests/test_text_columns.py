"""Text columns that are no categories: numbers in disguise, names, blanks at the ends."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skmissdiff import MissDiffImputer, MissDiffSampler, TableEncoder

N_ROWS = 60
RNG = np.random.default_rng(0)
HEIGHT = (170 + 9 * RNG.normal(size=N_ROWS)).round(1)
GAPS = np.arange(N_ROWS) % 4 == 1


def column_of(texts):
    return [None if gap else text for gap, text in zip(GAPS, texts, strict=True)]


def fit_with_notes(table, estimator=None):
    """The fitted estimator and the warnings."""
    estimator = TableEncoder() if estimator is None else estimator
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(table)
    assert {warning.filename for warning in caught} <= {__file__}
    return estimator, [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "write",
    [
        lambda x: f"{x:.1f}".replace(".", ","),
        lambda x: f"{x:.1f}",
        lambda x: f"{x * 10:,.2f} €",
        lambda x: f"{x * 10:_.1f} %".replace(".", ",").replace("_", "."),
    ],
)
def test_numbers_in_disguise_are_told_once_with_a_recipe_that_works(write):
    texts = column_of(map(write, HEIGHT))
    frame = pd.DataFrame({"height": texts, "z": range(N_ROWS)})
    encoder, notes = fit_with_notes(frame)
    assert len(notes) == 1
    assert notes[0].startswith("Column 'height' holds text, but nearly all of it is numbers, such ")
    first = f" {texts[0]!r}. It is taken for categories"
    assert first in notes[0]
    assert encoder.schema_.columns[0].is_categorical
    recipe = notes[0].partition("such as by ")[2].partition(". If it is to be")[0]
    converted = eval(recipe, {"pd": pd, "X": frame})
    factor = 10 if 10 in write.__code__.co_consts else 1
    np.testing.assert_allclose(converted[~GAPS], (HEIGHT * factor)[~GAPS])


def test_disguised_numbers_of_other_tables_are_told():
    texts = column_of([str(x) for x in HEIGHT])
    _, notes = fit_with_notes(pl.DataFrame({"height": texts, "z": range(N_ROWS)}))
    assert len(notes) == 1
    assert "Convert it to numbers. If" in notes[0]
    _, notes = fit_with_notes(np.array([texts, texts], dtype=object).T)
    assert [note[:8] for note in notes] == ["Column 0", "Column 1"]


@pytest.mark.parametrize("estimator", [MissDiffImputer(max_iter=0), MissDiffSampler(max_iter=0)])
def test_the_estimators_tell_it_at_the_line_of_the_caller(estimator):
    frame = pd.DataFrame({"height": column_of([str(x) for x in HEIGHT]), "z": range(N_ROWS)})
    assert len(fit_with_notes(frame, estimator)[1]) == 1


def test_declared_categories_are_not_told():
    texts = column_of([str(round(x)) for x in HEIGHT])
    frame = pd.DataFrame({"height": texts, "z": range(N_ROWS)})
    assert len(fit_with_notes(frame)[1]) == 1
    assert fit_with_notes(frame, TableEncoder(categorical_features=["height"]))[1] == []
    assert fit_with_notes(frame.astype({"height": "category"}))[1] == []
    polars = pl.DataFrame({"height": pl.Series(texts, dtype=pl.Categorical)})
    assert fit_with_notes(polars)[1] == []


def test_blanks_that_split_a_category_are_told_once():
    frame = pd.DataFrame({"a": ["x", "x ", "y", None], "b": ["u", " u", "\tu", "v"]})
    _, notes = fit_with_notes(frame)
    assert len(notes) == 1
    assert "in column 'a' ('x' and 'x '), column 'b' ('u' and ' u' and '\\tu'). " in notes[0]
    assert fit_with_notes(frame.apply(lambda c: c.str.strip()).astype("category"))[1] == []
    assert len(fit_with_notes(frame.astype("category"))[1]) == 1


def people(library):
    names = column_of([f"person {k}" for k in range(N_ROWS)])
    color = column_of(["red" if x > 170 else "blue" for x in HEIGHT])[::-1]
    return library.DataFrame({"name": names, "height": HEIGHT, "color": color})


@pytest.mark.parametrize("library", [pd, pl])
def test_names_are_left_out_of_the_model(library):
    table = people(library)
    imputer, notes = fit_with_notes(table, MissDiffImputer(max_iter=0, random_state=0))
    assert len(notes) == 1
    assert notes[0].startswith("Column 'name' is left out of the model: nearly every value")
    filled = imputer.transform(table)
    assert list(filled.columns) == list(table.columns)
    assert filled["name"].dtype == table["name"].dtype
    assert filled["name"].equals(table["name"])
    assert not pd.isna(filled["color"].to_numpy()).any()
    assert np.isfinite(imputer.score(table))
    assert imputer.encoder_.layout_.widths == (0, 1, 2)
    assert imputer.categories_[0] is None
    encoder, _ = fit_with_notes(table)
    assert list(encoder.get_feature_names_out()) == ["height", "color_blue", "color_red"]
    assert encoder.infrequent_categories_ == [None] * 3


@pytest.mark.parametrize("library", [pd, pl])
def test_no_generated_row_has_the_name_of_anybody(library, tmp_path):
    sampler, notes = fit_with_notes(people(library), MissDiffSampler(max_iter=0, random_state=0))
    assert len(notes) == 1
    sampler.save(tmp_path / "model.npz")
    for model in (sampler, MissDiffSampler.load(tmp_path / "model.npz")):
        rows = model.sample(20)
        assert rows["name"].dtype == people(library)["name"].dtype
        assert pd.isna(rows["name"].to_numpy()).all()
        assert not pd.isna(rows["color"].to_numpy()).any()
    assert not np.isnan(sampler.score_samples(people(library))).any()
    with pytest.raises(ValueError, match="column 'name', which is left out of the model"):
        sampler.sample(given={"name": "person 3"})


def test_names_are_learnt_on_request_or_where_nothing_else_is():
    table = people(pd)
    encoder, notes = fit_with_notes(table, TableEncoder(categorical_features=["name", "color"]))
    assert notes == []
    assert len(encoder.categories_[0]) == 45
    encoder, notes = fit_with_notes(table[["name"]])
    assert notes == []
    assert encoder.layout_.n_codes == 45
    few = table.iloc[:26]  # 20 names: a list of towns may be as long
    assert few["name"].count() <= 20
    assert fit_with_notes(few)[1] == []


def test_two_columns_of_names_take_one_warning():
    table = people(pd).assign(note=[f"note {k}" for k in range(N_ROWS)])
    _, notes = fit_with_notes(table)
    assert len(notes) == 1
    assert notes[0].startswith("Column 'name', column 'note' are left out of the model")
