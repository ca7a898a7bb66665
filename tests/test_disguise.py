"""Numbers written as text: what is recognised, what is read, and how it is written back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmissdiff._table.disguise import Style, recognise


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["65,5", "70,2", "81,0", "59,9", "0,5"], [65.5, 70.2, 81, 59.9, 0.5]),
        (["65.5", "70.2", "81.0", "59.9", "-0.5"], [65.5, 70.2, 81, 59.9, -0.5]),
        (["1.250,5", "980,0", "12,3", "7,1", "0,4"], [1250.5, 980, 12.3, 7.1, 0.4]),
        (["1,250.5", "980.0", "12.3", "7.1", "0.4"], [1250.5, 980, 12.3, 7.1, 0.4]),
        (["1 250", "1 000 000", "12", "7", "0"], [1250, 1e6, 12, 7, 0]),
        (["1\u202f250,5", "12", "7", "0", "1"], [1250.5, 12, 7, 0, 1]),
        (["1'250.50", "980.00", "12.25", "7.00", "0.05"], [1250.5, 980, 12.25, 7, 0.05]),
        (["12 %", "7 %", "100 %", "0 %", "55 %"], [12, 7, 100, 0, 55]),
        (["12,5%", "7,0%", "100,0%", "0,1%", "-5,5%"], [12.5, 7, 100, 0.1, -5.5]),
        (["€ 12,50", "€ 7,00", "€ 1.000,00", "€ 0,99", "-€ 5,00"], [12.5, 7, 1000, 0.99, -5]),
        (["$1,250", "$980", "($12)", "$7", "$0"], [1250, 980, -12, 7, 0]),
        (["12 CHF", "7 CHF", "100 CHF", "0 CHF", "55 CHF"], [12, 7, 100, 0, 55]),
        ([" 12", "7 ", " 100 ", "0", "55"], [12, 7, 100, 0, 55]),
        (["12-", "7", "100", "0", "55-"], [-12, 7, 100, 0, -55]),
        (["\u221212", "7", "100", "0", "55"], [-12, 7, 100, 0, 55]),
        (["1,5E+03", "7", "100", "0", "55"], [1500, 7, 100, 0, 55]),
        (["1.234.567", "7.000", "100", "0", "55"], [1234567, 7000, 100, 0, 55]),
        (["0,123", "1,500", "2,250", "3,125", "9,875"], [0.123, 1.5, 2.25, 3.125, 9.875]),
    ],
)
def test_numbers_are_read(texts, numbers):
    style = recognise(texts)
    assert [style.parse(text) for text in texts] == numbers
    assert [style.parse(style.format(number)) for number in numbers] == numbers


@pytest.mark.parametrize(
    ("texts", "number", "text"),
    [
        (["65,5", "70,2", "81,0", "59,9", "0,5"], 66.04, "66,0"),
        (["65,5", "70", "81", "59,25", "0,5"], 66.0, "66"),
        (["1.250,50 €", "980,00 €", "-12,25 €", "7,00 €", "1,00 €"], -4321.5, "-4.321,50 €"),
        (["$1,250", "$980", "($12)", "$7", "$0"], -1234567, "($1,234,567)"),
        (["12 %", "7 %", "100 %", "0 %", "55 %"], 12.4, "12 %"),
        (["12-", "7", "100", "0", "55-"], -3, "3-"),
        (["-1 €", "-2 €", "-3 €", "-4 €", "-5 €"], 6, "6 €"),
        (["12,5", "7,0", "100,0", "0,1", "5,5"], -0.04, "0,0"),  # no minus before nothing
    ],
)
def test_numbers_are_written_as_the_column_writes_them(texts, number, text):
    assert recognise(texts).format(number) == text


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [None, None],
        ["a", "b", "c", "d", "e"],
        ["1", "2", "3", "4"],  # too few to tell numbers from codes
        ["01067", "10115", "20095", "04109", "80331"],  # postcodes
        ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"],
        ["01.02.2024", "02.02.2024", "03.02.2024", "04.02.2024", "05.02.2024"],
        ["12:30", "12:31", "12:32", "12:33", "12:34"],
        ["1.2.3", "1.2.4", "1.2.5", "1.2.6", "1.2.7"],
        ["192.168.0.1", "192.168.0.2", "192.168.0.3", "192.168.0.4", "192.168.0.5"],
        ["$1", "€2", "£3", "¥4", "$5"],
        ["12 %", "0.3", "11 %", "0.4", "15 %"],
        ["A1", "A2", "A3", "A4", "A5"],
        ["1-2", "3-4", "5-6", "7-8", "9-10"],
        ["1e999", "2e999", "3e999", "4e999", "5e999"],
        ["1\u0662", "2\u0662", "3\u0662", "4\u0662", "5\u0662"],
    ],
)
def test_what_is_no_number_stays_text(texts):
    assert recognise(texts) is None


def test_nearly_all_will_do():
    texts = [f"{i},5" for i in range(95)]
    style = recognise([*texts, *["n/k"] * 5])
    assert style.parse("94,5") == 94.5
    with pytest.raises(ValueError, match="'n/k' is not a number like '1234,5'"):
        style.parse("n/k")
    assert recognise([*texts, *["n/k"] * 6]) is None


def test_a_percent_sign_is_not_dropped_in_silence():
    style = recognise(["12 %", "7 %", "100 %", "0 %", "55 %"])
    with pytest.raises(ValueError, match=r"'0.5'"):
        style.parse("0.5")


@pytest.mark.parametrize(
    ("texts", "decimal", "thousands", "first"),
    [
        (["1,234", "5,678", "9,012", "3,456", "7,890"], ".", ",", 1234.0),
        (["1.234", "5.678", "9.012", "3.456", "7.890"], ".", "", 1.234),
    ],
)
def test_marks_that_can_be_read_in_two_ways(texts, decimal, thousands, first):
    style = recognise(texts)
    assert (style.decimal, style.thousands, style.is_ambiguous) == (decimal, thousands, True)
    assert style.parse(texts[0]) == first
    other = recognise(texts, decimal=",")
    assert not other.is_ambiguous
    assert other.parse(texts[0]) == {1234.0: 1.234, 1.234: 1234.0}[first]
    assert not recognise(["12 %", "7 %", "100 %", "0 %", "55 %"]).is_ambiguous
    assert not recognise(["1,234.5", "5,678", "9,012", "3,456", "7,890"]).is_ambiguous


def test_what_python_reads_itself_is_plain():
    assert recognise(["1.5", "2", "3", "4", "-5"]).is_plain
    assert recognise(["1", "2", "3", "4", "5"]).is_plain
    assert not recognise(["1,5", "2", "3", "4", "5"]).is_plain
    assert not recognise(["1 %", "2 %", "3 %", "4 %", "5 %"]).is_plain


STYLES = st.builds(
    lambda positive, **how: Style(",", positive=positive, negative=f"-{positive}", **how),
    thousands=st.sampled_from(["", ".", " ", "'", "\u00a0"]),
    positive=st.sampled_from(["{}", "{} %", "€ {}", "{} kr"]),
    decimals=st.integers(1, 4).map(lambda n: (n, n)),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STYLES, st.lists(st.integers(-(10**9), 10**9), min_size=5, max_size=20, unique=True))
def test_what_is_written_is_recognised(style, wholes):
    numbers = [whole / 100 for whole in wholes]
    texts = [style.format(number) for number in numbers]
    found = recognise(texts, decimal=",")
    rounded = [round(number, style.decimals[1]) for number in numbers]
    if len(set(texts)) >= 5:
        assert [found.parse(text) for text in texts] == pytest.approx(rounded, abs=1e-12)
        assert [found.format(found.parse(text)) for text in texts] == texts


def test_few_numbers_are_enough_where_more_is_known():
    assert recognise(["0,5", "1,5"]) is None
    assert recognise(["0,5", "1,5"], fewest_values=2).parse("0,5") == 0.5
