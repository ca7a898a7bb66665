import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmissdiff._table.clock import start_clock
from skmissdiff._table.decisive import decisive_numbers, decisive_ticks
from skmissdiff._table.ticks import INTEGER, NANOSECONDS, Ticks

TICKS = [
    Ticks("instant", "us"),
    Ticks("instant", "ns", "Europe/Berlin"),
    Ticks("instant", "s", "Asia/Kathmandu"),
    Ticks("date", "D"),
    Ticks("date", "ms"),
    Ticks("duration", "ms"),
    Ticks("daytime", "ns"),
    Ticks("decimal", scale=4),
]


@st.composite
def columns_of_ticks(draw):
    ticks = draw(st.sampled_from(TICKS))
    if ticks.holds == "decimal":
        step = 10 ** draw(st.integers(0, 4))
    else:
        units = [size // NANOSECONDS[ticks.unit] for size in NANOSECONDS.values()]
        step = draw(st.sampled_from([size for size in units if size > 0]))
    counts = draw(st.lists(st.integers(-500, 500), min_size=1, max_size=200))
    odd = draw(st.lists(st.integers(0, 10**6), max_size=2))
    values = [count * step for count in counts] + odd
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(values)
    dtype = object if ticks.holds == "decimal" else np.int64
    return np.array(values, dtype=dtype), ticks


@given(columns_of_ticks())
@settings(max_examples=300, deadline=None)
def test_the_clock_of_the_decisive_ticks_is_that_of_all(case):
    values, ticks = case
    few = values[decisive_ticks(values, ticks)]
    whole, part = start_clock(values, ticks), start_clock(few, ticks)
    assert part == whole
    assert part.last_step(few) == whole.last_step(values)
    assert len(few) <= 12


def test_midnights_on_the_wall_are_found_and_broken():
    zone = "Europe/Berlin"
    ticks = Ticks("instant", "s", zone)
    days = [dt.datetime(2024, month, 1, tzinfo=dt.UTC) for month in range(1, 13)]
    values = np.array([int(day.timestamp()) - 3600 * (1 + (4 <= day.month <= 10)) for day in days])
    clock = start_clock(values[decisive_ticks(values, ticks)], ticks)
    assert clock.is_local
    assert clock == start_clock(values, ticks)
    values = np.append(values, values[3] + 900)
    few = values[decisive_ticks(values, ticks)]
    assert not start_clock(few, ticks).is_local
    assert start_clock(few, ticks).step == 60


@given(
    st.lists(st.integers(0, 2**20), min_size=2, max_size=100),
    st.sampled_from([1, 7, 2**12, 2**36, 3 * 2**40]),
    st.sampled_from([0, -(2**62), 2**61 + 1]),
)
@settings(max_examples=200, deadline=None)
def test_the_clock_of_decisive_integers_is_that_of_all(counts, step, origin):
    top = 2**63 - 1
    values = np.array([min(count * step + origin, top) for count in counts], dtype=np.int64)
    few = values[decisive_numbers(values)]
    assert start_clock(few, INTEGER) == start_clock(values, INTEGER)
    assert len(few) <= 70


@pytest.mark.parametrize("odd", [0.0, 0.5])
def test_a_number_that_is_not_whole_decides(odd):
    values = np.arange(1000.0)
    values[700] += odd
    few = values[decisive_numbers(values)]
    assert (few.min(), few.max()) == (0.0, 999.0)
    assert (few == np.floor(few)).all() == (odd == 0)
