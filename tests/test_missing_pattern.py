"""The summary of a table's gaps agrees with counting by hand, and its picture with the summary."""

import datetime
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skmissdiff.missingness import MissingPattern, missing_pattern, plot_missing_pattern

NAN = np.nan
DAY = datetime.datetime(2020, 1, 1)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "age": [31.0, NAN, 57.0, NAN, 40.0, 41.0],
            "sex": pd.Categorical(["f", "m", None, "m", "f", "f"]),
            "seen": [DAY, DAY, DAY, None, DAY, DAY],
            "id": [1, 2, 3, 4, 5, 6],
        }
    )


@pytest.fixture
def pattern(frame):
    return missing_pattern(frame)


@pytest.fixture
def figures():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


def test_counts_by_hand(pattern):
    assert isinstance(pattern, MissingPattern)
    assert pattern.columns == ("age", "sex", "seen", "id")
    assert pattern.n_rows == 6
    assert pattern.missing_counts.tolist() == [2, 1, 1, 0]
    np.testing.assert_allclose(pattern.missing_rates, [2 / 6, 1 / 6, 1 / 6, 0])
    assert pattern.n_complete_rows == 3
    # The most frequent first, then by first appearance.
    expected = [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]]
    assert pattern.patterns.astype(int).tolist() == expected
    assert pattern.pattern_counts.tolist() == [3, 1, 1, 1]
    together = [[4, 3, 4, 4], [3, 5, 4, 5], [4, 4, 5, 5], [4, 5, 5, 6]]
    assert pattern.co_observed.tolist() == together
    assert pattern.never_observed == ()
    assert pattern.never_together == ()


def test_counts_against_pandas():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((500, 19)) < 0.1, NAN, 1.0)
    pattern = missing_pattern(X)
    frame = pd.DataFrame(np.isnan(X))
    assert pattern.columns == tuple(range(19))
    expected = frame.value_counts()
    got = dict(zip(map(tuple, pattern.patterns.tolist()), pattern.pattern_counts, strict=True))
    assert got == dict(expected)
    assert (np.diff(pattern.pattern_counts) <= 0).all()
    observed = (~np.isnan(X)).astype(int)
    np.testing.assert_array_equal(pattern.co_observed, observed.T @ observed)


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas])
def test_other_libraries_agree(frame, pattern, make):
    other = missing_pattern(make(frame))
    assert repr(other) == repr(pattern)
    np.testing.assert_array_equal(other.co_observed, pattern.co_observed)


def test_nan_in_polars_is_missing():
    pattern = missing_pattern(pl.DataFrame({"a": [1.0, NAN, None], "b": ["x", None, "y"]}))
    assert pattern.missing_counts.tolist() == [2, 1]


def test_arrays_of_objects():
    pattern = missing_pattern(
        np.array([["a", None], [NAN, 1.0], [pd.NA, 2.0], ["b", 1]], dtype=object)
    )
    assert pattern.missing_counts.tolist() == [2, 1]
    assert missing_pattern(np.arange(6).reshape(3, 2)).n_complete_rows == 3


def test_print(pattern):
    lines = [
        "6 rows, 4 columns; 4 of 24 cells missing (16.7%); 3 complete rows",
        "",
        "column  missing  share",
        "age           2  33.3%",
        "sex           1  16.7%",
        "seen          1  16.7%",
        "(1 without gaps)",
        "",
        "   rows  missing together",
        "      3  nothing",
        "      1  age",
        "      1  sex",
        "      1  age, seen",
    ]
    assert str(pattern).splitlines() == lines


def test_print_of_many_patterns_is_short():
    X = np.where(np.random.default_rng(0).random((300, 30)) < 0.5, NAN, 1.0)
    printed = repr(missing_pattern(X))
    assert "    290  other patterns (290)" in printed
    assert "more" in printed
    assert len(printed.splitlines()) == 1 + 1 + 31 + 1 + 12


def test_pairs_never_observed_together_are_warned_of():
    frame = pd.DataFrame(
        {
            "old scale": [1.0, 2.0, NAN, NAN],
            "new scale": [NAN, NAN, 3.0, 4.0],
            "nothing": [NAN] * 4,
            "age": [1, 2, 3, 4],
        }
    )
    with pytest.warns(UserWarning, match="not identified") as caught:
        pattern = missing_pattern(frame)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("Never observed in the same row: 'old scale' and 'new scale'. ")
    assert "not identified" in message
    assert "what its factor analysis assumes" in message
    # A column without any value makes no pairs.
    assert pattern.never_together == (("old scale", "new scale"),)
    assert pattern.never_observed == ("nothing",)
    assert "Never observed together: 'old scale' and 'new scale'" in str(pattern)
    assert "Never observed: 'nothing'" in str(pattern)
    frame.loc[0, "new scale"] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert missing_pattern(frame).never_together == ()


def test_many_pairs_are_named_in_part():
    X = np.where(np.eye(6), 1.0, NAN)
    with pytest.warns(UserWarning, match=r"0 and 1; 0 and 2; .* 5 more\. Given the other columns"):
        assert len(missing_pattern(X).never_together) == 15


def test_tables_that_are_refused():
    with pytest.raises(ValueError, match="Column names must be unique"):
        missing_pattern(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="0 sample"):
        missing_pattern(np.empty((0, 3)))


# ---------------------------------------------------------------- the plot


def _tiles(ax):
    return np.asarray(ax.collections[0].get_array()).reshape(-1, len(ax.get_xticks())).astype(int)


def _axes(ax):
    """The axes of the patterns, of the counts and of the rates."""
    return ax.figure.axes


def test_plot_shows_the_summary(figures, frame, pattern):
    ax = plot_missing_pattern(frame)
    assert _tiles(ax).tolist() == pattern.patterns.astype(int).tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == list(pattern.columns)
    _, side, top = _axes(ax)
    assert [bar.get_width() for bar in side.patches] == [3, 1, 1, 1]
    np.testing.assert_allclose(
        [bar.get_height() for bar in top.patches], 100 * np.array([2, 1, 1, 0]) / 6
    )
    assert [text.get_text() for text in top.texts] == ["33", "17", "17", ""]
    assert ax.get_ylabel() == "4 patterns"
    # The most frequent pattern is on top.
    assert ax.yaxis_inverted()


def test_plot_of_a_summary_sorted_and_cut(figures, pattern):
    fig, axes = figures.subplots(1, 2)
    ax = plot_missing_pattern(pattern, ax=axes[1], max_patterns=2, sort_columns=True)
    assert ax is axes[1]
    assert ax.figure is fig
    assert ax.get_ylabel() == "2 of 4 patterns (4 of 6 rows)"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["age", "sex", "seen", "id"]
    reversed_pattern = missing_pattern(np.array([[1.0, 1, NAN], [1, NAN, NAN], [1, 1, 1]]))
    ax = plot_missing_pattern(reversed_pattern, sort_columns=True)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "1", "0"]
    assert _tiles(ax)[0].tolist() == [1, 0, 0]


def test_labels_of_a_wide_table_do_not_overlap(figures):
    X = np.where(np.random.default_rng(0).random((200, 40)) < 0.03, NAN, 1.0)
    frame = pd.DataFrame(X, columns=[f"a_long_name_{j}" for j in range(40)])
    ax = plot_missing_pattern(frame, sort_columns=True)
    ax.figure.canvas.draw()
    drawn = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(one.x1 <= other.x0 for one, other in itertools.pairwise(drawn))
    page = ax.figure.bbox
    texts = [*ax.get_xticklabels(), *(text for other in _axes(ax) for text in other.texts)]
    for text in texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1


def test_plot_of_a_complete_table(figures):
    ax = plot_missing_pattern(np.ones((5, 3)))
    assert ax.get_ylabel() == "1 pattern"
    ax.figure.canvas.draw()


def test_plot_parameters():
    with pytest.raises(ValueError, match="The 'max_patterns' parameter of plot_missing_pattern"):
        plot_missing_pattern(np.ones((2, 2)), max_patterns=0)


def test_without_matplotlib_the_extra_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from skmissdiff.missingness import missing_pattern, plot_missing_pattern\n"
        "pattern = missing_pattern([[1.0, 2.0]])\n"
        "try:\n    plot_missing_pattern(pattern)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'skmissdiff[plot]'" in done.stdout
