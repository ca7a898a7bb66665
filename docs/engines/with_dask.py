"""Complete a folder of Parquet files with Dask: ``python with_dask.py IN OUT MODEL.npz``."""

import sys

import dask.dataframe as dd
from dask.distributed import Client

from skmissdiff import MissDiffImputer


def main(source, target, model):
    complete = MissDiffImputer.load(model).for_partitions(key="row_id", draw=0, path=model)
    table = dd.read_parquet(source)
    # Without meta Dask would try the function on made-up rows.
    table.map_partitions(complete, meta=table._meta).to_parquet(target)


if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1):
        main(*sys.argv[1:])
