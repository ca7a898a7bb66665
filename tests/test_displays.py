"""The displays: the data that they draw, on tables of all libraries."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from sklearn.impute import SimpleImputer

import skmissdiff
from skmissdiff import MissDiffImputer, displays, metrics

NAN = np.nan


class Chance:
    """An imputer that draws observed values of the column, for tests of what is drawn of them."""

    categorical_features = "from_dtype"

    def __init__(self, missing_values=NAN):
        self.missing_values = missing_values

    def fit(self, X):
        return self

    def get_params(self, deep=True):
        return {"missing_values": self.missing_values}

    def multiple_impute(self, X, n_imputations, random_state=None):
        rng = np.random.default_rng(random_state)
        return [self._filled(X, rng.choice) for _ in range(n_imputations)]

    def transform(self, X):
        return self._filled(X, lambda known, n: np.sort(known)[np.full(n, len(known) // 2)])

    def _filled(self, X, choose):
        if isinstance(X, np.ndarray):
            X = X.copy()
            for column in X.T:
                gaps = np.isnan(column) | (column == self.missing_values)
                column[gaps] = choose(column[~gaps], gaps.sum())
            return X
        frame = X.copy()
        for name in frame:
            gaps = frame[name].isna()
            if gaps.any():
                known = frame.loc[~gaps, name].to_numpy()
                frame.loc[gaps, name] = choose(known, gaps.sum())
        return frame


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def make_table(n_rows=200):
    """A number, a count of few values, a category, a date; a quarter of each missing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n_rows),
            "visits": rng.integers(0, 4, n_rows).astype(float),
            "city": pd.Categorical(rng.choice(["Rome", "Oslo"], n_rows)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), "D"),
            "whole": rng.normal(size=n_rows),
        }
    )
    gaps = rng.random(frame.shape) < 0.25
    gaps[:, -1] = False
    return frame.mask(gaps)


def titles(display):
    return [ax.get_title(loc="left") for ax in display.axes_]


# ---------------------------------------------------------------- distributions


def test_distribution_has_the_observed_and_the_imputed_cells():
    table = make_table()
    tables = Chance().multiple_impute(table, 3, 0)
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables)
    assert titles(display) == ["x", "visits", "city", "day"]
    gaps = table["x"].isna()
    x = display.cells[0]
    np.testing.assert_array_equal(x.observed, table["x"].dropna())
    np.testing.assert_array_equal(x.imputed, [t.loc[gaps, "x"] for t in tables])
    assert x.share_imputed == gaps.mean()
    shares = [ax.get_title(loc="right") for ax in display.axes_]
    assert shares[0] == f"{gaps.mean():.0%} imputed"


def test_densities_are_densities_with_a_line_for_each_imputation():
    table = make_table()
    tables = Chance().multiple_impute(table, 3, 0)
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables, columns=["x"])
    [ax] = display.axes_
    assert [line.get_label() for line in ax.lines[:2]] == ["observed", "imputed, 3 times"]
    assert len(ax.lines) == 4
    for line in ax.lines:
        at, height = line.get_data()
        assert height.sum() * (at[1] - at[0]) == pytest.approx(1.0)
        assert at[0] > table["x"].min()
    observed = ax.lines[0]
    mean = np.average(observed.get_xdata(), weights=observed.get_ydata())
    assert mean == pytest.approx(table["x"].mean(), abs=0.05)


def test_few_cells_make_one_line_of_all_imputations():
    table = make_table()[["x", "whole"]].fillna({"x": 0.5})
    table.loc[:4, "x"] = NAN
    tables = Chance().multiple_impute(table, 6, 0)
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables, kind="ecdf")
    [ax] = display.axes_
    assert [line.get_label() for line in ax.lines] == ["observed", "imputed"]
    drawn = np.sort(np.concatenate([t["x"][:5] for t in tables]))
    np.testing.assert_array_equal(np.unique(ax.lines[1].get_xdata()[1:]), np.unique(drawn))


def test_bars_are_shares_with_the_range_of_the_imputations():
    table = make_table()
    tables = Chance().multiple_impute(table, 3, 0)
    display = displays.ImputedDistributionDisplay.from_imputations(
        table, tables, columns=["city", "visits"]
    )
    city, visits = display.axes_
    assert [label.get_text() for label in city.get_yticklabels()] == ["Oslo", "Rome"]
    observed = table["city"].value_counts(normalize=True)
    gaps = table["city"].isna()
    imputed = [t.loc[gaps, "city"].value_counts(normalize=True) for t in tables]
    widths = [bar.get_width() for bar in city.patches]
    mean = np.mean([[s["Oslo"], s["Rome"]] for s in imputed], axis=0)
    assert widths == pytest.approx([observed["Oslo"], observed["Rome"], *mean])
    [bars] = [c for c in city.containers if getattr(c, "errorbar", None) is not None]
    ends = bars.errorbar[2][0].get_segments()
    assert ends[0][:, 0] == pytest.approx(
        [min(s["Oslo"] for s in imputed), max(s["Oslo"] for s in imputed)]
    )
    heights = [bar.get_height() for bar in visits.patches[:4]]
    assert heights == pytest.approx(
        table["visits"].value_counts(normalize=True).sort_index().tolist()
    )
    assert [tick.get_text() for tick in visits.get_xticklabels()] == ["0", "1", "2", "3"]


def test_rare_categories_share_a_bar():
    names = [f"c{k}" for k in range(10)]
    table = pd.DataFrame({"kind": np.repeat(names, np.arange(20, 0, -2)), "x": 1.0})
    table.loc[::3, "kind"] = None
    tables = Chance().multiple_impute(table, 2, 0)
    [ax] = displays.ImputedDistributionDisplay.from_imputations(table, tables).axes_
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [*names[:7], "3 others"]
    observed = [bar.get_width() for bar in ax.patches[: len(labels)]]
    assert observed[-1] == pytest.approx(table["kind"].dropna().isin(names[7:]).mean())
    assert sum(observed) == pytest.approx(1)


def test_dates_are_drawn_as_dates():
    table = make_table()
    display = displays.ImputedDistributionDisplay.from_imputations(
        table, Chance().multiple_impute(table, 2, 0), columns=["day"]
    )
    at = display.axes_[0].lines[0].get_xdata()
    first = (table["day"].min() - pd.Timestamp("1970-01-01")).days
    last = (table["day"].max() - pd.Timestamp("1970-01-01")).days
    assert first < at[0] < first + 1
    assert last - 1 < at[-1] < last
    display.figure_.canvas.draw()
    words = [label.get_text() for label in display.axes_[0].get_xticklabels()]
    assert any(word in words for word in ("Apr", "Jul", "2024"))


def test_columns_of_few_missing_cells_are_left_out_of_a_wide_table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 30))
    X[rng.random(X.shape) < 0.1] = NAN
    X[:20, 29] = NAN
    display = displays.ImputedDistributionDisplay.from_imputations(
        X, Chance().multiple_impute(X, 1, 0)
    )
    assert len(display.axes_) == 24
    assert "x29" in titles(display)
    fewest = np.isnan(X).sum(axis=0).argmin()
    assert f"x{fewest}" not in titles(display)
    assert display.n_others == 6
    assert display.figure_._supxlabel.get_text().startswith("6 more columns")


@pytest.mark.parametrize("library", ["pandas", "polars", "array"])
def test_all_libraries_draw_the_same(library):
    table = make_table()[["x", "visits"]]
    imputed = Chance().multiple_impute(table, 2, 0)
    make = {"pandas": lambda t: t, "polars": pl.from_pandas, "array": lambda t: t.to_numpy()}
    convert = make[library]
    display = displays.ImputedDistributionDisplay.from_imputations(
        convert(table), [convert(t) for t in imputed]
    )
    assert titles(display) == (["x0", "x1"] if library == "array" else ["x", "visits"])
    for cells, name in zip(display.cells, ["x", "visits"], strict=True):
        gaps = table[name].isna()
        np.testing.assert_array_equal(cells.observed, table[name].dropna())
        np.testing.assert_array_equal(cells.imputed, [t.loc[gaps, name] for t in imputed])
    rows = displays.RowImputationsDisplay.from_imputations(
        convert(table), [convert(t) for t in imputed], rows=[0, 1, 2, 3]
    )
    np.testing.assert_array_equal(rows.columns[0].draws, [t["x"].iloc[:4] for t in imputed])


def test_any_imputer_of_scikit_learn_can_be_drawn():
    X = make_table()[["x", "whole", "visits"]]
    X["empty"] = NAN
    imputer = SimpleImputer().fit(X.drop(columns="empty"))
    display = displays.ImputedDistributionDisplay.from_estimator(imputer, X.drop(columns="empty"))
    assert titles(display) == ["x", "visits"]
    np.testing.assert_allclose(display.cells[0].imputed, X["x"].mean())
    # A column without any value is dropped: it is not drawn.
    with pytest.warns(UserWarning, match="empty"):
        dropped = SimpleImputer().fit(X).transform(X)
    with pytest.raises(ValueError, match="has 3 columns, but X has 4"):
        displays.ImputedDistributionDisplay.from_imputations(X, dropped)


def test_an_imputer_that_drops_and_adds_columns():
    X = make_table()
    X["empty"] = NAN
    with pytest.warns(UserWarning, match="empty"):
        imputer = MissDiffImputer(max_iter=0, add_indicator=True, random_state=0).fit(X)
    display = displays.ImputedDistributionDisplay.from_estimator(imputer, X, n_imputations=2)
    assert titles(display) == ["x", "visits", "city", "day"]
    drawn = imputer.multiple_impute(X, n_imputations=2)
    gaps = X["x"].isna()
    np.testing.assert_array_equal(display.cells[0].imputed, [t.loc[gaps, "x"] for t in drawn])
    array = X[["x", "empty", "whole"]].to_numpy()
    with pytest.warns(UserWarning, match="without any observed"):
        imputer = MissDiffImputer(max_iter=0, add_indicator=True, random_state=0).fit(array)
    display = displays.ImputedDistributionDisplay.from_estimator(imputer, array)
    assert titles(display) == ["x0"]


def test_a_marker_stands_for_missing_cells():
    X = np.nan_to_num(make_table()[["x", "whole"]].to_numpy(), nan=-99.0)
    imputer = Chance(missing_values=-99)
    display = displays.ImputedDistributionDisplay.from_estimator(imputer, X)
    assert titles(display) == ["x0"]
    assert display.cells[0].observed.min() > -99
    calibration = displays.ImputationCalibrationDisplay.from_estimator(
        MissDiffImputer(missing_values=-99, max_iter=0), X, n_draws=3, random_state=0
    )
    n_known = (X != -99).sum(axis=0)
    assert [len(part) for part in calibration.positions] == [round(0.2 * n) for n in n_known]


def test_nothing_imputed_is_an_error():
    X = make_table()
    whole = X.dropna()
    with pytest.raises(ValueError, match="nothing to draw"):
        displays.ImputedDistributionDisplay.from_imputations(whole, [whole])
    with pytest.raises(ValueError, match="Nothing was imputed in column 'whole'"):
        displays.ImputedDistributionDisplay.from_imputations(
            X, Chance().multiple_impute(X, 1, 0), columns=["whole"]
        )
    with pytest.raises(ValueError, match="columns names 'nope'"):
        displays.ImputedDistributionDisplay.from_imputations(
            X, Chance().multiple_impute(X, 1, 0), columns=["nope"]
        )
    with pytest.raises(ValueError, match="is empty"):
        displays.ImputedDistributionDisplay.from_imputations(X, [])
    with pytest.raises(ValueError, match="100 rows, but X has 200"):
        displays.ImputedDistributionDisplay.from_imputations(X, X[:100])
    with pytest.raises(ValueError, match="'kind' parameter"):
        displays.ImputedDistributionDisplay.from_imputations(
            X, Chance().multiple_impute(X, 1, 0), kind="violin"
        )


def test_it_draws_where_it_is_told():
    table = make_table()
    tables = Chance().multiple_impute(table, 2, 0)
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables, ax=right)
    assert display.figure_ is figure
    assert display.ax_ is right
    figure.canvas.draw()
    places = [ax.get_position() for ax in display.axes_]
    assert all(place.x0 > left.get_position().x1 for place in places)
    axes = figure.subplots(1, 4)
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables, ax=axes)
    assert display.axes_.tolist() == axes.tolist()
    assert display.ax_ is None
    with pytest.raises(ValueError, match="ax has 4 axes, but there are 2 panels"):
        displays.ImputedDistributionDisplay.from_imputations(
            table, tables, columns=["x", "city"], ax=axes
        )


def test_plot_again_changes_nothing_of_the_first():
    table = make_table()
    display = displays.ImputedDistributionDisplay.from_imputations(
        table, Chance().multiple_impute(table, 2, 0)
    )
    first = display.figure_
    assert display.plot(kind="ecdf") is display
    assert display.figure_ is not first


# ---------------------------------------------------------------- single rows


def test_intervals_and_estimates_of_rows():
    table = make_table()
    tables = Chance().multiple_impute(table, 40, 0)
    rows = np.flatnonzero(table["x"].isna())[:3]
    display = displays.RowImputationsDisplay.from_imputations(
        table, tables, rows, columns=["x"], X_true=table.fillna({"x": 0.25})
    )
    [ax] = display.axes_
    draws = np.array([t["x"].iloc[rows] for t in tables])
    outer, inner = [c for c in ax.collections if c.get_alpha() == 0.55]
    for lines, level in ((outer, 0.9), (inner, 0.5)):
        ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0, method="weibull")
        np.testing.assert_allclose([s[:, 0] for s in lines.get_segments()], ends.T)
    assert inner.get_linewidth() > outer.get_linewidth()
    np.testing.assert_array_equal(display.columns[0].estimates, np.median(draws, axis=0))
    alone = displays.RowImputationsDisplay.from_imputations(
        table, tables, rows, columns=["x"], levels=(0.5,)
    )
    [only] = [c for c in alone.axes_[0].collections if c.get_alpha() == 0.55]
    assert only.get_linewidth() == inner.get_linewidth()
    assert display.row_labels == [str(row) for row in rows]
    [marked] = [c for c in ax.collections if c.get_zorder() == 4]
    np.testing.assert_allclose(marked.get_offsets()[:, 0], 0.25)


def test_an_estimator_gives_its_point_estimates_and_its_own_draws():
    table = make_table().set_index(pd.Index([f"patient {i}" for i in range(200)]))
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(table)
    display = displays.RowImputationsDisplay.from_estimator(imputer, table, n_imputations=4)
    rows = np.flatnonzero(table.isna().any(axis=1))[:8]
    assert display.row_labels == list(table.index[rows])
    guesses, draws = imputer.transform(table), imputer.multiple_impute(table, n_imputations=4)
    for column in display.columns:
        gaps = table[column.name].isna().to_numpy()[rows]
        assert column.filled.tolist() == gaps.tolist()
        if column.name in ("x", "visits"):
            expected = guesses[column.name].to_numpy()[rows][gaps]
            np.testing.assert_array_equal(column.estimates[gaps], expected)
            drawn = np.array([t[column.name].iloc[rows] for t in draws])
            np.testing.assert_array_equal(column.draws, drawn)
    # Fewer draws than an interval takes are drawn one by one.
    ax = display.axes_[0]
    dots = [c for c in ax.collections if c.get_alpha() == 0.4]
    assert len(dots) == 4


def test_circles_are_shares_of_categories():
    table = make_table()
    tables = Chance().multiple_impute(table, 20, 0)
    row = np.flatnonzero(table["city"].isna())[:1]
    display = displays.RowImputationsDisplay.from_imputations(table, tables, row, columns=["city"])
    [ax] = display.axes_
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Oslo", "Rome"]
    share = np.mean([t["city"].iloc[row[0]] == "Oslo" for t in tables])
    circles = [c for c in ax.collections if c.get_alpha() == 0.55]
    sizes = {c.get_offsets()[0, 0]: c.get_sizes()[0] for c in circles}
    assert sizes[0] / (sizes[0] + sizes[1]) == pytest.approx(share)


def test_rows_that_are_not_there_or_complete():
    table = make_table()
    tables = Chance().multiple_impute(table, 2, 0)
    make = displays.RowImputationsDisplay.from_imputations
    complete = np.flatnonzero(~table.isna().any(axis=1))[:2]
    with pytest.raises(ValueError, match="No cell is missing in these rows"):
        make(table, tables, complete)
    with pytest.raises(ValueError, match="rows names row 200, but X has 200 rows"):
        make(table, tables, [0, 200])
    with pytest.raises(ValueError, match="whole numbers from 0"):
        make(table, tables, [0.5])
    with pytest.raises(ValueError, match="No cell of X is missing"):
        make(table.dropna(), [table.dropna()])


# ---------------------------------------------------------------- calibration


def test_positions_are_ranks_of_the_truth():
    truth = np.array([[0.5], [2.0], [9.0], [-1.0]])
    draws = [np.full((4, 1), float(k)) for k in range(4)]
    display = displays.ImputationCalibrationDisplay.from_imputations(
        truth, draws, np.full((4, 1), True), random_state=0
    )
    [u] = display.positions
    # Of 4 draws: above one; equal to the third; above all; below all.
    for position, (low, high) in zip(u, [(1, 2), (2, 4), (4, 5), (0, 1)], strict=True):
        assert low / 5 <= position <= high / 5
    assert display.n_draws == 4


def test_ties_and_categories_are_ranked_fairly():
    rng = np.random.default_rng(0)
    n_rows = 4000
    kinds = np.array(["a", "b", "c"])

    def make(rng):
        return pd.DataFrame(
            {
                "count": rng.poisson(0.5, n_rows).astype(float),
                "kind": pd.Categorical(rng.choice(kinds, n_rows, p=[0.7, 0.2, 0.1])),
            }
        )

    truth, draws = make(rng), [make(rng) for _ in range(9)]
    display = displays.ImputationCalibrationDisplay.from_imputations(
        truth, draws, np.full((n_rows, 2), True), random_state=0
    )
    for u in display.positions:
        counts, _ = np.histogram(u, 10, (0, 1))
        assert np.abs(counts / n_rows - 0.1).max() < 0.02
    assert display.is_numeric == [True, False]
    assert display.coverage(0.5) == {"count": pytest.approx(0.5, abs=0.03)}


@pytest.mark.parametrize(("spread", "low", "high"), [(3.0, 0.8, 1.0), (0.3, 0.0, 0.3)])
def test_coverage_finds_wide_and_narrow_draws(spread, low, high):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(600, 1))
    draws = list(spread * rng.normal(size=(19, 600, 1)))
    mask = np.full((600, 1), True)
    display = displays.ImputationCalibrationDisplay.from_imputations(truth, draws, mask)
    assert low < display.coverage(0.5)["x0"] < high
    metric = metrics.interval_coverage(truth, draws, mask, level=0.9)
    assert display.coverage(0.9)["x0"] == pytest.approx(metric, abs=0.03)
    bars = [bar.get_height() for bar in display.axes_[0].patches if bar.get_width() < 0.5]
    middle, ends = np.mean(bars[len(bars) // 3 : -(len(bars) // 3)]), np.mean([bars[0], bars[-1]])
    assert (middle > ends) == (spread > 1)
    assert np.mean(bars) == pytest.approx(1.0)
    named = [line.get_label() for line in display.axes_[1].lines]
    assert "x0" in named
    x, y = next(line for line in display.axes_[1].lines if line.get_label() == "x0").get_data()
    assert y[50] == display.coverage(x[50])["x0"]


def test_calibrated_columns_are_not_named():
    rng = np.random.default_rng(0)
    truth, *draws = rng.normal(size=(20, 400, 3))
    display = displays.ImputationCalibrationDisplay.from_imputations(
        truth, draws, np.full((400, 3), True), random_state=0
    )
    named = {line.get_label() for line in display.axes_[1].lines}
    assert not named & {"x0", "x1", "x2"}
    assert "all numbers" in named


def test_hidden_cells_are_not_trained_on():
    seen = []

    class Watched(MissDiffImputer):
        def fit(self, X, y=None):
            seen.append(X)
            return super().fit(X)

    table = make_table()
    display = displays.ImputationCalibrationDisplay.from_estimator(
        Watched(max_iter=0, random_state=0), table, hidden_fraction=0.2, n_draws=5, random_state=0
    )
    [spoiled] = seen
    hidden = spoiled.isna() & table.notna()
    n_hidden = hidden.sum().to_dict()
    n_known = table.notna().sum()
    assert n_hidden == {name: round(0.2 * n_known[name]) for name in table}
    assert display.names == list(table)
    assert [len(part) for part in display.positions] == list(n_hidden.values())
    again = displays.ImputationCalibrationDisplay.from_estimator(
        Watched(max_iter=0, random_state=0), table, hidden_fraction=0.2, n_draws=5, random_state=0
    )
    for one, other in zip(display.positions, again.positions, strict=True):
        np.testing.assert_array_equal(one, other)
    # Dates of the truth and of the draws count from one day.
    day = display.positions[display.names.index("day")]
    assert 0.2 < day.mean() < 0.8


def test_a_fitted_imputer_is_taken_as_it_is():
    table = make_table()[["x", "whole"]]
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(table)
    network = imputer.denoiser_
    display = displays.ImputationCalibrationDisplay.from_estimator(
        imputer, pl.from_pandas(table).to_pandas(), refit=False, n_draws=3, random_state=0
    )
    assert imputer.denoiser_ is network
    assert display.n_draws == 3


def test_calibration_refuses_what_it_cannot_judge():
    make = displays.ImputationCalibrationDisplay.from_imputations
    X = np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match="at least 2 draws, got 1"):
        make(X, [X], np.full((3, 2), True))
    with pytest.raises(ValueError, match="marks no cell"):
        make(X, [X, X], np.full((3, 2), False))
    with pytest.raises(ValueError, match="too few observed cells"):
        displays.ImputationCalibrationDisplay.from_estimator(Chance(), X[:2], refit=False)


# ---------------------------------------------------------------- training


def test_training_curves():
    table = make_table()
    imputer = MissDiffImputer(max_iter=60, random_state=0).fit(table)
    display = displays.TrainingDisplay.from_estimator(imputer)
    loss, held_out = display.axes_
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), imputer.loss_curve_)
    mean = loss.lines[1].get_ydata()
    window = round(0.05 * imputer.n_iter_)
    assert mean[-1] == pytest.approx(np.mean(imputer.loss_curve_[-window:]))
    np.testing.assert_array_equal(held_out.lines[1].get_ydata(), imputer.validation_loss_curve_)
    best = held_out.lines[2].get_ydata()
    assert best == [min(imputer.validation_loss_curve_)]
    display = displays.TrainingDisplay(loss_curve=[2, 1], validation_loss_curve=[1, 0.7, 0.9])
    assert display.plot().axes_[1].lines[2].get_ydata() == [0.7]


def test_training_without_held_out_rows_or_without_steps():
    display = displays.TrainingDisplay(loss_curve=[3.0, 2.0, 1.0]).plot()
    assert len(display.axes_) == 1
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(make_table())
    display = displays.TrainingDisplay.from_estimator(imputer)
    assert [text.get_text() for text in display.axes_[0].texts] == ["no step was made"]


# ---------------------------------------------------------------- matplotlib


def test_importing_displays_does_not_take_matplotlib():
    code = "import sys, skmissdiff.displays; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "displays" in skmissdiff.__all__


def test_matplotlib_is_asked_for_by_name(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "skmissdiff\[plot\]"'):
        displays.TrainingDisplay(loss_curve=[1.0]).plot()


def test_odd_names_do_no_harm():
    table = make_table()[["x", "city", "whole"]]
    table.columns = [r"$\nope$", "a long name " * 40, "whole"]
    table = table.assign(
        **{table.columns[1]: table.iloc[:, 1].cat.rename_categories([r"$\a$", "b"])}
    )
    tables = Chance().multiple_impute(table, 2, 0)
    for display in (
        displays.ImputedDistributionDisplay.from_imputations(table, tables),
        displays.RowImputationsDisplay.from_imputations(table, tables),
    ):
        display.axes_[0].figure.draw_without_rendering()
        assert r"$\nope$" in titles(display)
        assert all(len(title) <= 28 for title in titles(display))
