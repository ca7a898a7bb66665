"""Peers that run in the environment of peers/build.sh, as objects like the others.

A table travels as numbers: columns of text become numbers of levels, in the order of the
training table's levels. The seconds are those that the worker measured around the peer's own
calls.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from docs.benchmarks.limits import PEERS_PYTHON, NotRun, n_threads
from docs.benchmarks.results import NO_PEERS

WORKER = Path(__file__).parent / "peers" / "worker.py"


class LevelCodes:
    """Numbers for the levels of text columns, of a training table."""

    def __init__(self, frame):
        self.columns = frame.columns
        self.levels = [
            None if column.dtype.kind in "iuf" else sorted(column.dropna().unique())
            for _, column in frame.items()
        ]
        self.n_levels = np.array([0 if level is None else len(level) for level in self.levels])

    def encode(self, frame):
        """(n_rows, n_columns), nan where missing or unseen."""
        parts = []
        for (_, column), levels in zip(frame.items(), self.levels, strict=True):
            if levels is not None:
                column = column.map(dict(zip(levels, range(len(levels)), strict=True)))
            parts.append(column.to_numpy(dtype=float))
        return np.column_stack(parts)

    def decode(self, values):
        """A frame of the kind of the training table."""
        import pandas as pd

        parts = {}
        for j, (name, levels) in enumerate(zip(self.columns, self.levels, strict=True)):
            parts[name] = values[:, j]
            if levels is not None:
                codes = np.clip(np.rint(values[:, j]), 0, len(levels) - 1).astype(int)
                parts[name] = pd.Series(np.array(levels, dtype=object)[codes], dtype=str)
        return pd.DataFrame(parts)


class PinnedPeer(BaseEstimator):
    """A peer of peers/worker.py.

    Parameters
    ----------
    name : str
        Its name there.
    random_state : int
    """

    def __init__(self, name, random_state=0):
        self.name = name
        self.random_state = random_state

    def fit(self, X, y=None):
        """X is a frame, or an array of numbers."""
        python = os.environ.get(PEERS_PYTHON)
        if not python:
            raise NotRun(NO_PEERS)
        self._folder = tempfile.TemporaryDirectory()
        command = [python, WORKER, self.name, str(self.random_state), str(n_threads())]
        with open(Path(self._folder.name) / "log.txt", "w") as log:  # some print a line a row
            self._worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._codes = LevelCodes(X) if hasattr(X, "columns") else None
        n_levels = np.zeros(X.shape[1], dtype=int) if self._codes is None else self._codes.n_levels
        self.fit_seconds_ = self._ask(fit=self._write(X, n_levels=n_levels))["seconds"]
        return self

    def transform(self, X):
        to = self._path("out")
        self.transform_seconds_ = self._ask(transform=self._write(X), to=to)["seconds"]
        values = np.load(to)["values"]
        if self._codes is None:
            return np.where(np.isnan(X), values, X)
        completed = self._codes.decode(values).set_axis(X.index)
        return X.where(X.notna(), completed)

    def draws(self, n_draws):
        """The table of the fit, completed several times."""
        to = self._path("out")
        self.draw_seconds_ = self._ask(draws=n_draws, to=to)["seconds"]
        return [self._codes.decode(values) for values in np.load(to)["values"]]

    def sample(self, n_samples):
        to = self._path("out")
        self.sample_seconds_ = self._ask(sample=n_samples, to=to)["seconds"]
        return self._codes.decode(np.load(to)["values"])

    def close(self):
        """End the worker, if there is one."""
        if not hasattr(self, "_worker"):
            return
        self._worker.stdin.close()
        self._worker.wait()
        self._worker.stdout.close()
        self._folder.cleanup()

    def _write(self, X, **more):
        path = self._path("in")
        np.savez(path, values=X if self._codes is None else self._codes.encode(X), **more)
        return path

    def _path(self, name):
        return str(Path(self._folder.name) / f"{name}.npz")

    def _ask(self, **request):
        print(json.dumps(request), file=self._worker.stdin, flush=True)
        line = self._worker.stdout.readline()
        if not line:
            code = self._worker.wait()
            log = (Path(self._folder.name) / "log.txt").read_text().strip().splitlines()
            raise NotRun(f"failed: exit code {code}: {' '.join(log[-1:])[:200]}")
        answer = json.loads(line)
        if "error" in answer:
            raise NotRun(f"failed: {' '.join(answer['error'].split())[:200]}")
        return answer
