"""Complete a folder of Parquet files with Ray: ``python with_ray.py IN OUT MODEL.npz``."""

import sys

import ray

from skmissdiff import MissDiffImputer


def main(source, target, model):
    complete = MissDiffImputer.load(model).for_partitions(key="row_id", draw=0, path=model)
    table = ray.data.read_parquet(source)
    table.map_batches(complete, batch_format="pyarrow", batch_size=20_000).write_parquet(target)


if __name__ == "__main__":
    ray.init(num_cpus=2)
    main(*sys.argv[1:])
    ray.shutdown()
