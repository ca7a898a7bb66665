"""Made-up tables of any number of rows, in Parquet files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PART = 100_000  # rows that are made at once
N_NUMBERS = N_CATEGORIES = 10
N_LEVELS = 8


def mixed(first, n_rows):
    """20 columns of numbers, whole ones, prices, dates, categories and booleans.

    They come from four factors; a tenth of the cells is missing. Rows are those from the number
    ``first`` on.
    """
    rng = np.random.default_rng([3, first])
    weights = np.random.default_rng(1).normal(size=(4, 20))
    z = rng.normal(size=(n_rows, 4)) @ weights + 0.5 * rng.normal(size=(n_rows, 20))
    colours = np.array(["red", "green", "blue", "white", "black", "grey"])
    cities = np.array([f"city{number:02}" for number in range(30)])
    values = {f"x{j}": z[:, j] for j in range(12)}
    values |= {f"n{j}": np.floor(np.exp(z[:, j] / 2)).astype(np.int64) for j in (12, 13)}
    values["price"] = np.round(10 * z[:, 14], 2)
    values["colour"] = colours[np.digitize(z[:, 15], [-2, -1, 0, 1, 2])]
    values["city"] = cities[np.clip((5 * z[:, 16] + 15).astype(int), 0, 29)]
    values["flag"] = z[:, 17] > 0
    values["size"] = np.array(["S", "M", "L"])[np.digitize(z[:, 18], [-1, 1])]
    days = (100 * z[:, 19] + 500).astype("timedelta64[D]")
    values["day"] = np.datetime64("2020-01-01") + days
    return pa.table({n: pa.array(v, mask=rng.random(n_rows) < 0.1) for n, v in values.items()})


def made_up(first, n_rows):
    """Ten numbers and ten categories of three common causes, none of it linear."""
    rng = np.random.default_rng([7, first])
    cause = rng.normal(size=(n_rows, 3))
    fixed = np.random.default_rng(7)
    columns = {}
    for j in range(N_NUMBERS):
        a, b = fixed.normal(size=(2, 3))
        value = cause @ a + np.sin(2 * cause @ b) + 0.3 * rng.normal(size=n_rows)
        columns[f"n{j}"] = pa.array(np.round(value, 3), mask=rng.random(n_rows) < 0.1)
    names = np.array([f"level {k}" for k in range(N_LEVELS)])
    for j in range(N_CATEGORIES):
        scores = cause @ fixed.normal(size=(3, N_LEVELS)) * 2 + rng.gumbel(size=(n_rows, N_LEVELS))
        columns[f"c{j}"] = pa.array(names[scores.argmax(1)], mask=rng.random(n_rows) < 0.1)
    return pa.table(columns)


def hard(first, n_rows):
    """Two categories whose 1,500 pairs each have effects of their own on four numbers.

    That takes many rows to learn: a uniform sample has few of each pair.
    """
    rng = np.random.default_rng([11, first])
    fixed = np.random.default_rng(11)
    a, b = rng.integers(50, size=n_rows), rng.integers(30, size=n_rows)
    x = rng.normal(size=(n_rows, 2))
    columns = {"a": np.array([f"a{k}" for k in range(50)])[a]}
    columns["b"] = np.array([f"b{k}" for k in range(30)])[b]
    columns |= {"x0": x[:, 0], "x1": x[:, 1]}
    for j in range(4):
        effect, slope = fixed.normal(size=(50, 30)), fixed.normal(size=(50, 30))
        value = effect[a, b] + slope[a, b] * np.sin(2 * x[:, j % 2]) + x[:, 0] * x[:, 1]
        columns[f"y{j}"] = value + 0.3 * rng.normal(size=n_rows)
    return pa.table({n: pa.array(v, mask=rng.random(n_rows) < 0.1) for n, v in columns.items()})


def write(path, n_rows, make=mixed):
    """A made-up table in one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, make(0, 1).schema) as file:
        for first in range(0, n_rows, PART):
            file.write_table(make(first, min(PART, n_rows - first)))


def cut(path, folder, n_files):
    """The rows of a file in as many files, in their order."""
    folder.mkdir(parents=True)
    n_rows = pq.read_metadata(path).num_rows
    size = -(-n_rows // n_files)
    held, number = [], 0
    for batch in pq.ParquetFile(path).iter_batches(size):
        held.append(pa.Table.from_batches([batch]))
        while sum(map(len, held)) >= size:
            rows = pa.concat_tables(held)
            pq.write_table(rows.slice(0, size), folder / f"part-{number:05}.parquet")
            held, number = [rows.slice(size)], number + 1
    if sum(map(len, held)):
        pq.write_table(pa.concat_tables(held), folder / f"part-{number:05}.parquet")
