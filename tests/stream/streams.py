"""A table with a column of every kind, cut up in many ways."""

import datetime as dt
import itertools
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq


def mixed_table(n_rows=3000, seed=0):
    """Columns of every kind that are related, with gaps."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n_rows)
    b = a + rng.normal(size=n_rows)
    c = np.where(rng.random(n_rows) < 0.3, "x", np.where(b > 0, "y", "z"))
    day = np.datetime64("2024-01-01") + (b * 100).astype(int)
    instants = day.astype("datetime64[us]") + rng.integers(0, 10**10, n_rows)

    def gaps(values, dtype=None):
        return pa.array(values, type=dtype, mask=rng.random(n_rows) < 0.2)

    return pa.table(
        {
            "a": gaps(a),
            "b": gaps(b.astype(np.float32)),
            "c": gaps(c),
            "whole": gaps((10 * a).astype(int)),
            "large": gaps(2**60 + 8 * rng.integers(0, 1000, n_rows)),
            "day": gaps(day.astype("datetime64[D]")),
            "midnight": gaps(
                day.astype("datetime64[us]") - np.timedelta64(1, "h"),
                pa.timestamp("us", "Europe/Berlin"),
            ),
            "instant": gaps(instants, pa.timestamp("us")),
            "span": gaps([dt.timedelta(seconds=int(abs(v) * 60)) for v in a]),
            "price": gaps([Decimal(int(v * 100)).scaleb(-2) for v in b], pa.decimal128(9, 3)),
            "flag": gaps(a > 0),
            "level": gaps(c).dictionary_encode(),
        }
    )


def files(folder, table, n_files, row_group_size):
    """A dataset of Parquet files that hold the table."""
    folder.mkdir()
    cuts = np.linspace(0, table.num_rows, n_files + 1).astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        part = table.slice(start, stop - start)
        pq.write_table(part, folder / f"part-{number:04}.parquet", row_group_size=row_group_size)
    return ds.dataset(folder)


def reader(table, size):
    """A function that opens the table as batches of so many rows."""
    batches = table.to_batches(max_chunksize=size)
    return lambda: pa.RecordBatchReader.from_batches(table.schema, batches)


def weights(estimator):
    return {name: value.numpy() for name, value in estimator.denoiser_.state_dict().items()}


def assert_same_model(one, other):
    """Both have learnt the same, to the last bit."""
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name])
    assert one.encoder_.schema_ == other.encoder_.schema_
    for ours, others in zip(one.categories_, other.categories_, strict=True):
        np.testing.assert_array_equal(ours, others)
