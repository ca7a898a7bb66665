import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kstest

from skmissdiff._stream.sample import Sample, row_keys


def _sampled(table, size, cuts, seed=0):
    sample, first = Sample(table.schema, size, seed), 0
    for part in cuts:
        sample.add(table.slice(first, part), first)
        first += part
    return sample


@pytest.mark.parametrize("cuts", [[10_000], [1] * 500 + [9500], [7000, 0, 3000]])
def test_the_sample_does_not_depend_on_the_parts(cuts):
    table = pa.table({"number": np.arange(10_000), "text": [str(i) for i in range(10_000)]})
    rows, keys, numbers = _sampled(table, 300, cuts).rows()
    whole, _, _ = _sampled(table, 300, [2500] * 4).rows()
    assert rows.equals(whole)
    assert rows.num_rows == 300
    assert rows["number"].to_pylist() == numbers.tolist() == sorted(numbers)
    assert keys.tolist() == row_keys(0, 10_000, 0)[numbers].tolist()


def test_samples_of_parts_join_to_that_of_the_whole():
    table = pa.table({"number": np.arange(10_000)})
    whole, _, _ = _sampled(table, 300, [10_000]).rows()
    one, other = Sample(table.schema, 300, 0), Sample(table.schema, 300, 0)
    one.add(table.slice(6000), 6000)
    other.add(table.slice(0, 6000), 0)
    one.join(other)
    assert one.rows()[0].equals(whole)


def test_a_table_that_is_smaller_comes_whole_and_in_order():
    table = pa.table({"number": np.arange(250)})
    assert _sampled(table, 300, [100, 150]).rows()[0].equals(table)


def test_every_row_is_as_likely_and_seeds_differ():
    table = pa.table({"number": np.arange(200_000)})
    numbers = _sampled(table, 5000, [50_000] * 4).rows()[2]
    other = _sampled(table, 5000, [50_000] * 4, seed=1).rows()[2]
    assert kstest(numbers / 200_000, "uniform").pvalue > 0.01
    # Of two samples of a fortieth each a row is in both with that probability.
    assert 60 < len(np.intersect1d(numbers, other)) < 200


def test_no_two_rows_share_a_key():
    keys = row_keys(2**40, 100_000, 3)
    assert len(np.unique(keys)) == 100_000
    assert keys[5:].tolist() == row_keys(2**40 + 5, 99_995, 3).tolist()
