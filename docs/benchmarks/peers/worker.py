"""Runs one peer in its own environment, which has neither skmissdiff nor its libraries.

    python worker.py NAME SEED THREADS

Reads one JSON object a line from standard input and answers each by one:

    {"fit": PATH}                     -> {"seconds": ...}
    {"transform": PATH, "to": PATH}   -> {"seconds": ...}, completed values in the second file
    {"draws": N, "to": PATH}          -> {"seconds": ...}, the rows of the fit completed N times
    {"sample": N, "to": PATH}         -> {"seconds": ...}, N rows in the file

A peer is loaded when the worker starts. The files are .npz with ``values`` (n_rows, n_columns),
nan where missing, and ``n_levels`` (n_columns,): 0 for numbers, else the values number levels.
"""

import json
import os
import sys
import time
import traceback

import numpy as np
import pandas as pd

N_DRAWS = 5  # of the peers that draw; their mean, or most frequent level, is the estimate


def plain_frame(values):
    return pd.DataFrame(values, columns=[f"c{j}" for j in range(values.shape[1])])


def frame_of(values, n_levels):
    """A frame with a categorical column for levels."""
    frame = plain_frame(values)
    for name, n in zip(frame, n_levels, strict=True):
        if n:
            frame[name] = pd.Categorical(frame[name], categories=np.arange(n, dtype=float))
    return frame


def values_of(frame):
    return np.column_stack([np.asarray(frame[name], dtype=float) for name in frame])


def point_estimate(draws, n_levels):
    """Mean of numbers, most frequent of levels; draws (n_draws, n_rows, n_columns)."""
    completed = draws.mean(axis=0)
    for j in np.flatnonzero(n_levels):
        counts = np.stack([(draws[:, :, j] == level).sum(axis=0) for level in range(n_levels[j])])
        completed[:, j] = counts.argmax(axis=0)
    return completed


class Peer:
    """Settings are the documented defaults of each package unless said otherwise.

    ``load`` imports the package, before any seconds are counted.
    """

    def __init__(self, seed, threads):
        self.seed, self.threads = seed, threads
        self.load()


class Together(Peer):
    """A peer without a model for new rows: it completes training and new rows together."""

    def fit(self, values, n_levels):
        self.train, self.n_levels = values, n_levels
        self.completed_train = None

    def transform(self, values):
        if self.completed_train is not None and np.array_equal(values, self.train, equal_nan=True):
            return self.completed_train
        completed = self.complete(np.concatenate([self.train, values]))
        self.completed_train = completed[: len(self.train)]
        return completed[len(self.train) :]


class Miwae(Peer):
    """Of hyperimpute; numbers only (mixed tables come as codes)."""

    def load(self):
        from hyperimpute.plugins.imputers import Imputers

        self.model = Imputers().get("miwae", random_state=self.seed)

    def fit(self, values, n_levels):
        self.model.fit(plain_frame(values))

    def transform(self, values):
        return np.asarray(self.model.transform(plain_frame(values)), dtype=float)


class Gain(Together):
    """Of hyperimpute, whose ``fit`` of it does nothing; numbers only."""

    name = "gain"

    def load(self):
        from hyperimpute.plugins.imputers import Imputers

        self.model = Imputers().get(self.name, random_state=self.seed)

    def complete(self, values):
        return np.asarray(self.model.fit_transform(plain_frame(values)), dtype=float)


class HyperImpute(Gain):
    """Its ``transform`` fits anew to the rows that it is given."""

    name = "hyperimpute"


class MiceForest(Together):
    """5 datasets, 5 iterations.

    Its ``impute_new_data`` (6.0.5) is worse than means on breast (RMSE .282; .146 for the
    training rows), so that it is not used.
    """

    def load(self):
        import miceforest

        self.kernel_class = miceforest.ImputationKernel

    def complete(self, values):
        return point_estimate(self.several(values, N_DRAWS), self.n_levels)

    def several(self, values, n_draws):
        kernel = self.kernel_class(
            frame_of(values, self.n_levels), num_datasets=n_draws, random_state=self.seed
        )
        kernel.mice(5, num_threads=self.threads)
        return np.stack([values_of(kernel.complete_data(d)) for d in range(n_draws)])

    def draws(self, n_draws):
        return self.several(self.train, n_draws)


class UnmaskingTreesPeer(Peer):
    def load(self):
        from utrees import UnmaskingTrees

        self.model = UnmaskingTrees(random_state=self.seed, xgboost_kwargs={"n_jobs": self.threads})

    def fit(self, values, n_levels):
        self.train, self.n_levels = values, n_levels
        kinds = ["categorical" if n else "continuous" for n in n_levels]
        self.model.fit(values, quantize_cols=kinds)

    def transform(self, values):
        return point_estimate(self.model.impute(N_DRAWS, values.copy()), self.n_levels)

    def draws(self, n_draws):
        return self.model.impute(n_draws, self.train.copy())

    def sample(self, n):
        return self.model.generate(n)


class ForestDiffusionImputer(Together):
    """Variance-preserving, the only kind that imputes; 5 imputations."""

    kind = "vp"

    def load(self):
        from ForestDiffusion import ForestDiffusionModel

        self.model_class = ForestDiffusionModel

    def build(self, values, n_levels):
        return self.model_class(
            values,
            diffusion_type=self.kind,
            cat_indexes=[int(j) for j in np.flatnonzero(n_levels)],
            n_jobs=self.threads,
            seed=self.seed,
        )

    def complete(self, values):
        model = self.build(values, self.n_levels)
        return point_estimate(model.impute(k=N_DRAWS), self.n_levels)


class ForestDiffusionGenerator(ForestDiffusionImputer):
    """Flow matching, as documented for generation."""

    kind = "flow"

    def fit(self, values, n_levels):
        self.model = self.build(values, n_levels)

    def sample(self, n):
        return self.model.generate(batch_size=n)


class Ctgan(Peer):
    name = "CTGAN"

    def load(self):
        import ctgan
        import torch

        torch.set_num_threads(self.threads)
        self.model = getattr(ctgan, self.name)(enable_gpu=False)
        self.model.set_random_state(self.seed)

    def fit(self, values, n_levels):
        frame = plain_frame(values)
        self.model.fit(frame, [name for name, n in zip(frame, n_levels, strict=True) if n])

    def sample(self, n):
        return values_of(self.model.sample(n))


class Tvae(Ctgan):
    name = "TVAE"


PEERS = {
    "GAIN": Gain,
    "MIWAE": Miwae,
    "HyperImpute": HyperImpute,
    "miceforest": MiceForest,
    "UnmaskingTrees": UnmaskingTreesPeer,
    "ForestDiffusion": ForestDiffusionImputer,
    "ForestDiffusion, generation": ForestDiffusionGenerator,
    "CTGAN": Ctgan,
    "TVAE": Tvae,
}


def main():
    # What the libraries print goes to standard error; the answers keep the real output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, seed, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    peer = PEERS[name](seed, threads)
    for line in sys.stdin:
        request = json.loads(line)
        if "fit" in request:
            table = np.load(request["fit"])
            call = [peer.fit, table["values"], table["n_levels"]]
        elif "transform" in request:
            call = [peer.transform, np.load(request["transform"])["values"]]
        elif "draws" in request:
            call = [peer.draws, request["draws"]]
        else:
            call = [peer.sample, request["sample"]]
        try:
            start = time.perf_counter()
            values = call[0](*call[1:])
            answer = {"seconds": time.perf_counter() - start}
            if "to" in request:
                np.savez(request["to"], values=np.asarray(values, dtype=float))
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
