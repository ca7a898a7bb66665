"""The parts of the encoding against values that are worked out by hand or by scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from skmissdiff import NumericScaler, TableEncoder
from skmissdiff._encoding.categories import (
    count_categories,
    decode_categories,
    distinct_names,
    encode_categories,
    log_shares,
    share_codes,
    shared_code,
)
from skmissdiff._encoding.cell_errors import constant_errors, relative_error
from skmissdiff._encoding.constraints import avoid_marker, column_ranges, stand_ins
from skmissdiff._encoding.dependencies import (
    FEWEST_PER_VALUE,
    MAX_ROWS,
    MAX_VALUES,
    MOST_WRONG,
    decode_values,
    dependent_numbers,
    encode_values,
    log_shares_of_unseen,
    tells,
)
from skmissdiff._encoding.ranks import (
    known_quantiles,
    known_values,
    largest_density_code,
    log_density,
    normal_code,
    ranks_of,
)
from skmissdiff._table.frames import read_table

# --- Categories.


def test_categories_are_counted_in_their_order():
    frame = pd.DataFrame(
        {"s": ["b", "a", None, "b"], "o": [True, False, True, None]}, dtype=object
    ).astype({"s": pd.CategoricalDtype(["c", "b", "a"])})
    table = read_table(frame, categorical_features=[0, 1])
    found = [count_categories(*pair) for pair in zip(table.schema.columns, table.columns)]  # noqa: B905
    assert [part.tolist() for part in found[0]] == [["b", "a"], [2, 1]]
    assert [part.tolist() for part in found[1]] == [[False, True], [1, 2]]


def test_categories_without_an_order_keep_that_of_their_appearance():
    table = read_table(pd.DataFrame({"x": ["b", "a"]}))
    values = np.array(["b", (1, 2), "a", "b"], dtype=object)
    categories, counts = count_categories(table.schema.columns[0], values)
    assert categories.tolist() == ["b", (1, 2), "a"]
    assert counts.tolist() == [2, 1, 1]


COUNTS = np.array([3, 5, 3, 1, 3])


@pytest.mark.parametrize(
    ("most", "codes"),
    [
        (None, [0, 1, 2, 3, 4]),
        (5, [0, 1, 2, 3, 4]),
        (4, [0, 1, 2, 3, 3]),
        (3, [0, 1, 2, 2, 2]),
        (2, [1, 0, 1, 1, 1]),
    ],
)
def test_the_least_frequent_categories_share_a_code(most, codes):
    found = share_codes(COUNTS, most)
    assert found.tolist() == codes
    assert shared_code(found) == (None if most in (None, 5) else most - 1)
    assert shared_code(np.array([], dtype=int)) is None


def test_categories_go_to_codes_and_back():
    categories = np.array(["a", "b", "c", "d"], dtype=object)
    codes, out = np.array([0, 2, 1, 2]), np.empty((6, 3))
    encode_categories(np.array(["c", "a", None, "d", "x", "b"]), categories, codes, out)
    nan = [np.nan] * 3
    np.testing.assert_array_equal(out, [[0, 1, 0], [1, 0, 0], nan, [0, 0, 1], nan, [0, 0, 1]])
    counts = np.array([9, 2, 1, 6])
    back = decode_categories(out, categories, counts, codes)
    assert back.tolist() == ["c", "a", None, "d", None, "d"]  # d is the more frequent of b and d
    uniforms = np.array([0.9, 0.9, 0.9, 0.24, 0.1, 0.26])
    back = decode_categories(out, categories, counts, codes, uniforms)
    assert back.tolist() == ["c", "a", None, "b", None, "d"]
    out[0] = [0.2, 0.5, 0.3]
    out[1, 1] = np.nan
    back = decode_categories(out[:2], categories, counts, codes)
    assert back.tolist() == ["c", None]
    equal = decode_categories(out[3:4], categories, np.array([9, 2, 1, 2]), codes)
    assert equal.tolist() == ["b"]  # of equals the first
    edges = decode_categories(out[[3, 3]], categories, counts, codes, np.array([0.0, 1.0]))
    assert edges.tolist() == ["b", "d"]


def test_shares_of_a_code():
    found = log_shares(np.array([3, 1, 6, 2]), np.array([0, 2, 1, 2]))
    np.testing.assert_allclose(found, np.log([1, 1 / 3, 1, 2 / 3]))


def test_names_that_come_again_get_a_number():
    assert distinct_names(["a", "b", "a", "a", "a_2"]) == ["a", "b", "a_2", "a_3", "a_2_2"]


# --- Errors of cells.


def test_constant_errors_are_deviations_and_error_rates():
    frame = pd.DataFrame({"x": [1.0, 3.0, np.nan], "s": ["a", "b", "a"], "e": [np.nan] * 3})
    found = constant_errors(read_table(frame), [None, np.array([2, 1]), None])
    np.testing.assert_allclose(found, [1.0, 1 / 3, 0.0])


def test_relative_errors_are_averaged_over_columns():
    frame = pd.DataFrame({"x": [1.0, 3.0, 5.0], "s": ["a", "b", "a"], "y": [1.0, 2.0, 4.0]})
    table = read_table(frame)
    guess = [np.array([1.0, 6.0, 9.0]), np.array(["b", "b", "b"], object), np.array([9.0] * 3)]
    hidden = np.array([[True, True, False], [True, False, False], [True, True, False]])
    found = relative_error(table, guess, hidden, np.array([2.0, 0.5, 1.0]))
    number = np.sqrt((0 + 3**2 + 4**2) / 3) / 2
    assert found == pytest.approx((number + 1.0 / 0.5) / 2)
    hidden[:] = [False, False, True]
    assert relative_error(table, guess, hidden, np.ones(3)) == pytest.approx(
        np.sqrt((64 + 49 + 25) / 3)
    )


# --- Markers and bounds.


def test_the_value_nearest_to_a_marker_stands_in():
    frame = pd.DataFrame(
        {"x": [-3.0, 1.0, 4.0], "s": ["a", "b", "a"], "e": [np.nan] * 3, "z": [7.0, 8.0, 9.0]}
    )
    table = read_table(frame)
    free = column_ranges(table.schema, None)
    assert stand_ins(table, -0.5, free) == [1.0, None, None, 7.0]
    assert stand_ins(table, -2, free) == [-3.0, None, None, 7.0]
    within = column_ranges(table.schema, {"x": (0, 1), "z": (8, 100)})
    assert stand_ins(table, -2, within) == [1.0, None, None, 8.0]
    outside = column_ranges(table.schema, {"x": (2, 3)})  # holds none: any will do
    assert stand_ins(table, -2, outside)[0] == -3
    for marker in (np.nan, None, "x", True):
        assert stand_ins(table, marker, free) == [None] * 4


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_that_read_as_missing_are_avoided(dtype):
    column = read_table(pd.DataFrame({"x": np.array([0.5, 1.5], dtype=dtype)})).schema.columns[0]
    values = np.array([-1.0, -1.0 - 1e-9, 2.0, np.nan])
    found = avoid_marker(values, column, -1, 0.5)
    rounded = 0.5 if dtype == "float32" else values[1]
    np.testing.assert_array_equal(found, [0.5, rounded, 2.0, np.nan])
    assert avoid_marker(values, column, -1, None) is values


# --- Dependencies.


def test_values_go_to_codes_and_back():
    distinct, out = np.array([1.0, 2.0, 5.0]), np.empty((5, 3))
    encode_values(np.array([1.0, 3.4, 3.6, np.nan, 99.0]), distinct, out)
    np.testing.assert_array_equal(out, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [np.nan] * 3, [0, 0, 1]])
    shares = np.array([[0.2, 0.2, 0.1], [0.45, 0.35, 0.2], [0.3, 0.2, 0.5], [np.nan, 1, 0]])
    for how, expected in (
        ("mean", [(0.2 + 0.4 + 0.5) / 0.5, 0.45 + 0.7 + 1.0, 0.3 + 0.4 + 2.5]),
        ("median", [2, 2, 2]),
        ("mode", [1, 1, 5]),
    ):
        np.testing.assert_allclose(decode_values(shares, distinct, how), [*expected, np.nan])


def test_values_that_were_not_seen_have_a_small_share():
    found = log_shares_of_unseen(np.array([1.0, 1.5, np.nan]), np.array([1.0, 2.0]), 9)
    np.testing.assert_allclose(found, [0, -np.log(10), 0])


def told(n_wrong, n_rows=1000):
    """Two values in equal shares, two categories, some of them wrong."""
    values = np.arange(n_rows) % 2
    categories = np.where(values == 1, "one", "none").astype(object)
    categories[: 2 * n_wrong : 2] = "one"
    return tells(categories, values.astype(float))


def test_a_category_tells_a_number_but_for_few_rows():
    n_wrong = int(MOST_WRONG * 500)  # as a share of the rows that are wrong without the category
    assert told(0)
    assert told(n_wrong - 1)
    assert not told(n_wrong + 1)


def test_few_rows_tell_nothing():
    n_rows = 2 * FEWEST_PER_VALUE
    assert told(0, n_rows)
    assert not told(0, n_rows - 2)
    assert not tells(np.array([], dtype=object), np.array([]))
    # Rows that are alone with their category do not count.
    categories = np.array([*"ab" * FEWEST_PER_VALUE, *map(str, range(99))], dtype=object)
    values = np.array([*[0.0, 1.0] * FEWEST_PER_VALUE, *range(99)])
    assert not tells(categories, values)
    assert tells(categories[:n_rows], values[:n_rows])


def test_numbers_of_many_values_are_numbers():
    rng = np.random.default_rng(0)

    def dependent(n_values, max_values, n_rows=3000):
        number = rng.integers(n_values, size=n_rows).astype(float)
        frame = pd.DataFrame({"x": number, "s": [f"{v:03.0f}" for v in number]})
        (x, s) = dependent_numbers(read_table(frame), max_values)
        assert s is None
        return x

    assert dependent(MAX_VALUES, None).tolist() == list(range(MAX_VALUES))
    assert dependent(MAX_VALUES + 1, None) is None
    assert dependent(6, 6).tolist() == list(range(6))
    assert dependent(6, 5) is None
    assert dependent(1, None) is None
    assert len(dependent(2, None, MAX_ROWS + 1000)) == 2


def test_the_first_category_that_tells_is_enough():
    x = np.repeat([1.0, 2.0], 50)
    frame = pd.DataFrame({"s": ["u"] * 100, "t": np.where(x == 1, "a", "b"), "x": x, "y": -x})
    found = dependent_numbers(read_table(frame), None)
    assert [None if values is None else values.tolist() for values in found] == [
        None,
        None,
        [1, 2],
        [-2, -1],
    ]
    frame.loc[::2, "t"] = None  # half of them are enough
    assert dependent_numbers(read_table(frame), None)[2].tolist() == [1, 2]


# --- Ranks.


def test_quantiles_that_are_values_are_known():
    values = np.array([3.0, 1.0, 2.0, 2.0, 7.0])
    found = known_quantiles(values, np.array([0, 0.25, 0.3, 0.5, 0.6, 0.75, 1]))
    # Places 0, 1, 1.2, 2, 2.4, 3, 4 of 1 2 2 3 7.
    np.testing.assert_array_equal(found, [1, 2, 2, 2, np.nan, 3, 7])


def test_codes_at_known_ranks_are_values():
    ranks = np.linspace(0, 1, 5)
    known = np.array([1.0, 2.0, 2.0, 3.0, 7.0])
    codes = norm.ppf([1e-9, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9, 1 - 1e-9, np.nan])
    found = known_values(codes, known, ranks)
    np.testing.assert_array_equal(found, [1, 2, 2, 2, np.nan, 3, np.nan, 7, np.nan])
    known[1] = np.nan
    assert np.isnan(known_values(norm.ppf([0.25, 0.3]), known, ranks)).all()


QUANTILES = np.array([0.0, 1.0, 1.0, 1.0, 3.0])
RANKS = np.linspace(0, 1, 5)


def test_values_fill_ranks():
    low, high = ranks_of(np.array([-9.0, 0.5, 1.0, 2.0, 9.0]), QUANTILES, RANKS)
    np.testing.assert_allclose(low, [0, 0.125, 0.25, 0.875, 1])
    np.testing.assert_allclose(high, [0, 0.125, 0.75, 0.875, 1])


def test_codes_are_normal_quantiles_of_ranks():
    x = np.array([0.5, 1.0, 1.0, 1.0, 2.0])
    found = normal_code(x, QUANTILES, RANKS, np.array([0.9, 0.0, 0.5, 1.0, 0.1]))
    np.testing.assert_allclose(found, norm.ppf([0.125, 0.25, 0.5, 0.75, 0.875]))
    ends = normal_code(np.array([-5.0, 5.0]), QUANTILES, RANKS, 0.5)
    np.testing.assert_allclose(ends, [norm.ppf(1e-7), -norm.ppf(1e-7)])


def test_half_a_value_is_above_the_largest_code():
    np.testing.assert_allclose(1 - norm.cdf(largest_density_code(np.array([10, 50]))), [0.05, 0.01])


def test_densities_of_ranks_are_slopes():
    """A uniform column: slope 1 between 0 and 1, half a value's share in each tail."""
    n = 1001
    quantiles = ranks = np.linspace(0, 1, n)
    x = np.array([0.2, 0.5, 0.999])
    found, is_tie = log_density(x, quantiles, ranks, n)
    np.testing.assert_allclose(found, np.log(1 - 1 / n), atol=1e-9)
    assert not is_tie.any()
    width, share = 0.01, 0.5 / n  # a window of ranks, which the shares of the tails stretch
    inner = width / (1 - 1 / n)
    for distance in (1e-6, 0.004, 0.5):
        for at in (-distance, 1 + distance):
            (tail,), _ = log_density(np.array([at]), quantiles, ranks, n)
            assert tail == pytest.approx(np.log(share / inner) - distance / inner, rel=1e-6)


def test_few_values_have_a_wide_window():
    n = 51
    quantiles = ranks = np.linspace(0, 1, n)
    width, share = 5 / n, 0.5 / n
    inner = width / (1 - 1 / n)
    (tail,), _ = log_density(np.array([1.2]), quantiles, ranks, n)
    assert tail == pytest.approx(np.log(share / inner) - 0.2 / inner, rel=1e-6)


def test_a_value_that_fills_much_of_a_column_has_its_share():
    """0 to .4 at zero, then uniform from 1 to 3."""
    n = 1001
    ranks = np.linspace(0, 1, n)
    quantiles = np.where(ranks <= 0.4, 0.0, 1 + (ranks - 0.4) / 0.6 * 2)
    (found, inside), is_tie = log_density(np.array([0.0, 2.0]), quantiles, ranks, n)
    assert is_tie.tolist() == [True, False]
    assert found == pytest.approx(np.log(0.4))
    assert inside == pytest.approx(np.log(0.6 / 2), abs=0.01)
    total, x = np.exp(found), np.linspace(-4, 8, 120_001)
    density, _ = log_density(x, quantiles, ranks, n)
    keep = x != 0
    assert total + np.exp(density[keep]).sum() * (x[1] - x[0]) == pytest.approx(1, abs=0.02)


# --- The scaler and the encoder.


def test_quantile_codes_of_few_values_by_hand():
    X = np.array([[1.0], [2.0], [2.0], [5.0], [np.nan]])
    scaler = NumericScaler("quantile").fit(X)
    # Ranks of 1 2 2 5 over five places of the four observed values.
    codes = scaler.transform(X)[:, 0]
    assert codes[1] == codes[2]
    assert codes[0] == pytest.approx(norm.ppf(1e-7))
    assert codes[3] == pytest.approx(-codes[0])
    np.testing.assert_array_equal(scaler.inverse_transform(codes[:, None]), X)
    np.testing.assert_allclose(scaler.density_limits(), norm.ppf(1 - 0.5 / 4))
    assert NumericScaler().fit(X).density_limits().tolist() == [np.inf]


def test_densities_of_rows_are_encoded_with_their_volume():
    """One standardised number and one column whose rare categories share a code."""
    frame = pd.DataFrame({"x": [1.0, 3.0, 5.0, 3.0], "s": ["a", "a", "b", "c"]})
    encoder = TableEncoder(max_categories=2).fit(frame)
    table = read_table(frame, schema=encoder.schema_)
    codes, volume = encoder.encode_for_density(table, np.full((4, 2), 0.5))
    np.testing.assert_allclose(codes, encoder.transform(frame))
    scale = np.log(1 / frame["x"].std(ddof=0))
    np.testing.assert_allclose(volume, scale + np.log([1, 1, 0.5, 0.5]))


def test_codes_of_extremes_have_a_density():
    frame = pd.DataFrame({"x": np.arange(50.0), "c": 1.0})
    encoder = TableEncoder(scaling="quantile").fit(frame)
    table = read_table(frame, schema=encoder.schema_)
    codes, volume = encoder.encode_for_density(table, np.full((50, 2), 0.5))
    assert codes[-1, 0] == -codes[0, 0] == pytest.approx(norm.ppf(1 - 0.5 / 50))
    density = volume + norm.logpdf(codes[:, 0])
    np.testing.assert_allclose(density[5:-5], np.log(1 / 50), atol=0.05)


def test_numbers_that_categories_tell_are_scored_as_categories():
    frame = pd.DataFrame({"s": ["a", "b"] * 20, "x": [1.0, 4.0] * 20})
    encoder = TableEncoder(functional_dependencies=True).fit(frame)
    assert encoder.layout_.widths == (2, 2)
    asked = read_table(pd.DataFrame({"s": ["a"], "x": [3.0]}), schema=encoder.schema_)
    codes, volume = encoder.encode_for_density(asked, np.full((1, 2), 0.5))
    assert codes.tolist() == [[1, 0, 0, 1]]
    np.testing.assert_allclose(volume, -np.log(41))
    shares = np.array([[1.0, 0.0, 0.6, 0.4]])
    for how, expected in (("mean", 2.2), ("median", 1.0), ("mode", 1.0)):
        assert encoder.decode(shares, how=how)[1].tolist() == pytest.approx([expected])


def test_what_never_varied_comes_back_whatever_its_code():
    encoder = TableEncoder().fit(pd.DataFrame({"x": [1.0, 3.0], "c": [7.0, 7.0]}))
    codes = np.array([[0.0, 0.3], [1.0, -9.0]])
    x, c = encoder.decode(codes)
    np.testing.assert_allclose(x, [2, 3])
    assert c.tolist() == [7, 7]
    assert codes[0, 1] == 0.3  # what came in is left alone


def test_known_cells_are_those_of_fit():
    encoder = TableEncoder().fit(pd.DataFrame({"s": ["a", "b"], "x": [1.0, 2.0]}))
    table = read_table(pd.DataFrame({"s": ["c", "b"], "x": [9.0, np.nan]}), schema=encoder.schema_)
    s, x = encoder.known_cells(table)
    assert s.tolist() == [None, "b"]
    np.testing.assert_array_equal(x, [9.0, np.nan])


def test_both_tails_hold_half_a_value_beside_a_share():
    n = 1001
    ranks = np.linspace(0, 1, n)
    quantiles = np.where(ranks <= 0.4, 0.0, 1 + (ranks - 0.4) / 0.6 * 2)
    (near, far), _ = log_density(np.array([3.0 + 1e-9, 3.5]), quantiles, ranks, n)
    inner = 0.5 / -(far - near)  # the width of the tail, from its fall
    assert near == pytest.approx(np.log(0.5 / n / inner), abs=1e-5)


@pytest.fixture
def times():
    days = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-04"])
    return read_table(pd.DataFrame({"x": [0.5, 2.0, 4.0], "day": days, "s": ["a", "b", "a"]}))


def test_a_range_is_for_the_columns_of_its_kind(times):
    low, high = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-04")
    free = [-np.inf, np.inf]
    ranges = column_ranges(times.schema, (1, None))
    np.testing.assert_array_equal(ranges, [[1, np.inf], free, free])
    ranges = column_ranges(times.schema, (low, None))
    np.testing.assert_array_equal(ranges[[0, 2]], [free, free])
    assert ranges[1, 0] > times.columns[1][0]
    assert ranges[1, 0] < times.columns[1][1]
    assert ranges[1, 1] == np.inf
    assert ranges[1, 0] == column_ranges(times.schema, {"day": (low, high)})[1, 0]
    np.testing.assert_array_equal(column_ranges(times.schema, (None, None)), [free] * 3)
    with pytest.raises(ValueError, match="for none of the numeric columns"):
        column_ranges(times.schema, (pd.Timedelta("1h"), None))


def test_times_within_one_step_are_refused(times):
    within = (pd.Timestamp("2024-01-02 01:00"), pd.Timestamp("2024-01-02 05:00"))
    with pytest.raises(ValueError, match="hold no whole step of 86400 seconds"):
        column_ranges(times.schema, {"day": within})
    whole = read_table(pd.DataFrame({"n": [1, 2, 4]}))
    with pytest.raises(ValueError, match="hold no whole number"):
        column_ranges(whole.schema, (1.2, 1.8))
    assert stand_ins(times, 0, column_ranges(times.schema, None)) == [0.5, None, None]


def test_what_fit_depends_on_may_not_change():
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    encoder = TableEncoder().fit(frame)
    encoder.set_params(scaling="minmax")
    with pytest.raises(ValueError, match="scaling was 'standard' when this TableEncoder"):
        encoder.transform(frame)
