"""Run by the tests in one of several processes: fit to a folder, and save what came out.

python fit_together.py RANK N PORT SCENARIO FOLDER OUT
"""

import datetime
import os
import sys

import pyarrow.dataset as ds
import torch
from torch import distributed

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._stream import scan, source


def main(rank, n, port, scenario, folder, out):
    torch.set_num_threads(1)
    scan.MOST_SAMPLE_ROWS, scan.FEWEST_SAMPLE_ROWS = 500, 100
    source.MOST_BLOCK_ROWS = 256
    distributed.init_process_group(
        "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=int(rank),
        world_size=int(n),
        timeout=datetime.timedelta(seconds=30),
    )
    data = ds.dataset(folder)
    if scenario == "dies" and rank == "1":
        # In the middle of the training, and without a word to the others.
        from skmissdiff._diffusion import batches

        batches.RowSource.next_batch = lambda self: os._exit(9)
    if scenario == "filtered":
        data = data.filter((ds.field("a") > -100) | ds.field("a").is_null())
    if scenario == "batches":
        table = data.to_table()
        data = table.to_batches(max_chunksize=77)
    cls = MissDiffSampler if scenario == "sampler" else MissDiffImputer
    options = {"max_time": 60} if scenario == "timed" else {}
    # Without a seed the processes agree on one.
    seed = None if scenario == "unseeded" else 0
    estimator = cls(max_iter=12, random_state=seed, **options).fit(data)
    estimator.save(f"{out}-{rank}.npz")


if __name__ == "__main__":
    main(*sys.argv[1:])
