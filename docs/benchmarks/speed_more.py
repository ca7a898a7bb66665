"""Lines of the speed table that need more than a stopwatch: rivals, busy jobs, memory, a peak.

What is measured has the units and goals of `docs.benchmarks.speed`, which runs it.
"""

import cProfile
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from docs.benchmarks.data import load
from docs.benchmarks.imputers import missforest
from docs.benchmarks.limits import PeakMemory
from docs.benchmarks.measures import imputation_errors
from docs.benchmarks.protocols import protocol_d, protocol_t
from skmissdiff import MissDiffImputer
from skmissdiff._diffusion.recipe import MUON_ITERATIONS

N_JOBS = 2  # that are busy beside a fit
PEAK_SIZE = 1024  # of square matrices: large enough for the largest rate
FIT_SAVED = (
    "import sys, pandas; from skmissdiff import MissDiffImputer; "
    "MissDiffImputer(random_state=0).fit(pandas.read_pickle(sys.argv[1]))"
)


def beside_missforest(data_dir, name):
    """CPU seconds of a fit in those of MissForest, and the error in that of MissForest."""
    task = protocol_d(load(name, data_dir), 0, name)
    made = {}
    for who, imputer in (("own", MissDiffImputer(random_state=0)), ("peer", missforest(0))):
        start = time.process_time()
        imputer.fit(task.train)
        seconds = time.process_time() - start
        done = imputer.transform(task.test)
        errors = imputation_errors(task.truth, done, task.hidden, task.unit, pooled=True)
        made[who] = seconds, errors["rmse"]
    (seconds, rmse), (peer_seconds, peer_rmse) = made["own"], made["peer"]
    yield {"value": seconds / peer_seconds, "seconds": seconds, "rmse": rmse / peer_rmse}


def child_cpu(path, threads):
    """CPU seconds of a fit in another process, imports included; None: default threads."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", FIT_SAVED, path], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def threads_beside_jobs(data_dir, name):
    """CPU seconds of a fit with default threads in those with one, busy jobs beside both."""
    train = protocol_t(load(name, data_dir), 0, name).train
    jobs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(N_JOBS)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "train.pkl")
            train.to_pickle(path)
            one = child_cpu(path, 1)
            yield {"value": child_cpu(path, None) / one, "seconds": one}
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def memory_of_fit(data_dir, name):
    """MiB of a fit beyond three times the table in single precision."""
    train = protocol_d(load(name, data_dir), 0, name).train
    MissDiffImputer(max_iter=3).fit(train.head(60))
    memory = PeakMemory().start()
    start = time.process_time()
    MissDiffImputer(random_state=0).fit(train)
    seconds = time.process_time() - start
    yield {"value": memory.stop() - 3 * train.size * 4 / 2**20, "seconds": seconds}


def peak_rate(dtype=torch.bfloat16, n_times=20):
    """Operations a CPU second of a large product."""
    a = torch.randn(PEAK_SIZE, PEAK_SIZE).to(dtype)
    best = float("inf")
    for _ in range(n_times):
        start = time.process_time()
        a @ a
        best = min(best, time.process_time() - start)
    return 2 * PEAK_SIZE**3 / best


def products_of_step(denoiser, n_rows):
    """Operations of the products of a step: forward, twice backward, and Newton-Schulz."""
    weights = [p.shape for p in denoiser.parameters() if p.ndim == 3 and p.shape[1] > 1]
    layers = sum(6 * k * n_in * n_out * n_rows for k, n_in, n_out in weights)
    square = sum(k * n**3 for k, n, m in weights if n == m)
    return layers + MUON_ITERATIONS * 3 * 2 * square


def share_of_peak(data_dir, protocol, name):
    """What the products of the training steps reach of the largest rate of bfloat16."""
    from skmissdiff._diffusion import masked

    train = protocol(load(name, data_dir), 0, name).train
    sizes, made = [], masked.recipe_for

    def noted(*arguments):
        recipe = made(*arguments)
        sizes.append(recipe.batch_size)
        return recipe

    profile = cProfile.Profile(time.process_time)
    imputer = MissDiffImputer(random_state=0)
    masked.recipe_for = noted
    try:
        profile.runcall(imputer.fit, train)
    finally:
        masked.recipe_for = made
    entries = pstats.Stats(profile).stats.items()
    seconds = max(e[3] for (path, _, f), e in entries if f == "train_step")
    done = products_of_step(imputer.denoiser_, sizes[0]) * imputer.n_iter_
    yield {"value": done / seconds / peak_rate(), "seconds": seconds}
