"""The report on generated rows: its figures, its plots, its page."""

import html.parser
import importlib.util
import re
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from skmissdiff import metrics
from skmissdiff.report import SyntheticReport

NASTY = '<script>alert("x")</script>'


def make_rows(seed, n_rows=120):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "x": x,
            "visits": rng.poisson(2, n_rows),
            "city": pd.Categorical(np.where(x > 0, "Rome", "Oslo")),
            "member": rng.random(n_rows) < 0.3,
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.1) if seed == 0 else frame


class Page(html.parser.HTMLParser):
    """The tags, the addresses and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.closed, self.sources, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        self.closed.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def tables():
    return make_rows(0), make_rows(1), make_rows(2)


@pytest.fixture(scope="module")
def report(tables):
    return SyntheticReport(*tables, random_state=0)


def test_figures_are_those_of_the_metrics(tables, report):
    real, synthetic, holdout = tables
    seed = np.random.RandomState(0).randint(2**31 - 1)  # which the report draws from its own
    for which, table in (("synthetic", synthetic), ("holdout", holdout)):
        for name, metric in (
            ("marginal", metrics.marginal_score),
            ("pair_trend", metrics.pair_trend_score),
        ):
            assert report.scores_[name][which] == pytest.approx(metric(real, table))
        pair = [report.scores_[name][which] for name in ("alpha_precision", "beta_recall")]
        assert pair == pytest.approx(
            metrics.alpha_precision_beta_recall(real, table, random_state=seed)
        )
        expected = metrics.c2st(real, table, random_state=seed)
        assert report.scores_["c2st"][which] == expected
    np.testing.assert_allclose(
        report.column_scores_, metrics.marginal_score(real, synthetic, average=None)
    )
    np.testing.assert_allclose(
        report.pair_scores_, metrics.pair_trend_score(real, synthetic, average=None)
    )
    expected = metrics.distance_to_closest_record(real, synthetic, holdout, random_state=seed)
    assert report.privacy_ == expected
    assert report.names_ == list(real)


def test_a_copy_is_found_out(tables):
    holdout = tables[2]
    copied = SyntheticReport(holdout, holdout, make_rows(3), random_state=0)
    assert copied.privacy_["duplicates"] == 1.0
    assert copied.privacy_["share_nearer_to_train"] > 0.8
    assert copied.scores_["marginal"]["synthetic"] == 1.0


def test_the_page_needs_nothing_else(report, tmp_path):
    path = tmp_path / "report.html"
    assert report.to_html(path) is None
    text = path.read_text(encoding="utf-8")
    assert text == report.to_html()
    assert len(text) < 500_000
    page = Page(text)
    assert "script" not in page.opened
    assert "link" not in page.opened
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"https?:|@import|url\(", text)
    void = {"meta", "img"}
    assert sorted(tag for tag in page.opened if tag not in void) == sorted(page.closed)


def test_the_page_says_the_figures(report):
    words = Page(report.to_html()).words
    scores = [s for pair in report.scores_.values() for s in pair.values()]
    for value in [*scores, *report.column_scores_, *report.privacy_.values()]:
        assert f"{value:.3f}" in words
    facts = "120 synthetic rows, 120 real rows, 120 held-out real rows, 4 columns, "
    assert any(word.startswith(facts) for word in words)
    assert any("mean" in word and "sd" in word for word in words)
    assert any("Rome" in word and "%" in word for word in words)


def test_what_comes_from_the_table_is_escaped():
    rows = make_rows(1)
    rows["city"] = rows["city"].cat.rename_categories({"Rome": NASTY, "Oslo": r"R&D $\nope$"})
    rows = rows.rename(columns={"x": NASTY, "visits": r"$\nope$"})
    text = SyntheticReport(rows, rows[:60], random_state=0).to_html()
    assert "<script" not in text
    assert "script" not in Page(text).opened
    assert "&lt;script&gt;" in text
    assert any(r"R&D $\nope$" in word for word in Page(text).words)


def test_without_a_holdout_it_says_what_is_not_known(tables):
    real, synthetic, _ = tables
    report = SyntheticReport(real, synthetic, random_state=0)
    assert np.isnan([pair["holdout"] for pair in report.scores_.values()]).all()
    assert np.isnan(report.privacy_["share_nearer_to_train"])
    text = report.to_html()
    assert "learnt by heart look as good" in text
    assert "Nearer to a training row than to a held-out row" not in text
    assert "held out<" not in text
    assert ">held out<" in SyntheticReport(*tables, random_state=0).to_html()
    assert ">nan<" not in text


@pytest.mark.parametrize("n_rows", [2, 9])
def test_few_rows(n_rows):
    report = SyntheticReport(make_rows(1)[:n_rows], make_rows(2), random_state=0)
    assert np.isnan(report.scores_["c2st"]["synthetic"])
    assert np.isfinite(report.scores_["marginal"]["synthetic"])
    assert "too few rows" in report.to_html()


def test_arrays_and_odd_columns():
    rng = np.random.default_rng(0)
    real = np.column_stack(
        [rng.normal(size=50), np.full(50, 3.0), np.full(50, np.nan), 1e300 * rng.random(50)]
    )
    synthetic = np.nan_to_num(real[::-1], nan=1.0)
    report = SyntheticReport(real, synthetic, random_state=0)
    assert report.names_ == ["x0", "x1", "x2", "x3"]
    assert np.isnan(report.column_scores_[2])
    assert "no value" in report.to_html()
    report.plot().canvas.draw()


def test_a_single_column_has_no_pairs():
    report = SyntheticReport(make_rows(0)[["city"]], make_rows(1)[["city"]], random_state=0)
    assert "Pairs of columns</h2>" not in report.to_html()
    report.plot().canvas.draw()


def test_many_columns_stay_small():
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 40, 30))
    report = SyntheticReport(real, synthetic, random_state=0)
    text = report.to_html()
    assert len(text) < 500_000
    assert "of the 24 columns that are least alike" in text
    assert "x29" in Page(text).words


def test_plot_shows_columns_and_pairs(report):
    figure = report.plot()
    titles = [ax.get_title() for ax in figure.axes]
    for name, score in zip(report.names_, report.column_scores_, strict=True):
        assert f"{name}  {score:.2f}" in titles
    assert "Pairs of columns" in titles
    histogram = figure.axes[titles.index(f"x  {report.column_scores_[0]:.2f}")]
    areas = sum(bar.get_width() * bar.get_height() for bar in histogram.patches[:-1])
    assert areas == pytest.approx(1.0)


def test_plot_draws_where_it_is_told(report):
    given = Figure(figsize=(11, 8))
    assert report.plot(given) is given
    assert "Pairs of columns" in [ax.get_title() for ax in given.axes]
    given.canvas.draw()


def test_bars_are_shares(tables, report):
    figure = report.plot()
    [ax] = [ax for ax in figure.axes if ax.get_title().startswith("city")]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Oslo", "Rome"]
    real = tables[0]["city"].value_counts(normalize=True)
    widths = [bar.get_width() for bar in ax.patches[:2]]
    assert widths == pytest.approx([real["Oslo"], real["Rome"]])


def test_names_in_any_script():
    rows = make_rows(1).rename(columns={"x": "\N{CJK UNIFIED IDEOGRAPH-5E74}"})
    report = SyntheticReport(rows, rows, random_state=0)
    assert "\N{CJK UNIFIED IDEOGRAPH-5E74}" in report.to_html()


def test_results_repeat(tables, report):
    again, other = (SyntheticReport(*tables, random_state=seed) for seed in (0, 1))
    assert again.scores_ == report.scores_
    assert again.privacy_ == report.privacy_
    assert other.scores_["c2st"] != report.scores_["c2st"]


def test_matplotlib_is_asked_for_by_name(report, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "skmissdiff\[plot\]"'):
        report.plot()


def test_too_few_drawn_rows_are_not_compared(tables):
    real, synthetic, _ = tables
    report = SyntheticReport(real, synthetic, max_rows=5)
    assert np.isnan(report.scores_["c2st"]["synthetic"])


def test_wrong_input_is_refused(tables):
    real, synthetic, _ = tables
    with pytest.raises(ValueError, match="X_synthetic has 3 columns"):
        SyntheticReport(real, synthetic[["x", "city", "member"]])
    with pytest.raises(ValueError, match="'max_rows' parameter"):
        SyntheticReport(real, synthetic, max_rows=0)


def test_importing_the_report_does_not_take_matplotlib():
    assert importlib.util.find_spec("matplotlib")
    import subprocess

    code = "import sys, skmissdiff.report; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
