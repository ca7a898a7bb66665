"""Complete a folder of Parquet files with polars: ``python with_polars.py IN OUT MODEL.npz``."""

import sys
from pathlib import Path

import polars as pl

from skmissdiff import MissDiffImputer


def main(source, target, model):
    frames = pl.scan_parquet(f"{source}/*.parquet").collect_batches(chunk_size=50_000)
    imputer = MissDiffImputer.load(model)
    Path(target).mkdir()
    for number, frame in enumerate(imputer.transform_batches(frames, key="row_id", draw=0)):
        frame.write_parquet(f"{target}/part-{number:05}.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
