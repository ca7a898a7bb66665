"""Complete a folder of Parquet files with DuckDB: ``python with_duckdb.py IN OUT MODEL.npz``."""

import sys
from pathlib import Path

import duckdb

from skmissdiff import MissDiffImputer


def main(source, target, model):
    reading, writing = duckdb.connect(), duckdb.connect()
    rows = reading.sql(f"FROM '{source}/*.parquet'").to_arrow_reader(50_000)
    completed = MissDiffImputer.load(model).transform_batches(rows, key="row_id", draw=0)
    Path(target).mkdir()
    writing.register("completed", completed)
    writing.sql("FROM completed").write_parquet(f"{target}/completed.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
