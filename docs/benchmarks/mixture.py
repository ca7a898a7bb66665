"""Generation from a table whose distribution is known: four Gaussians in five dimensions.

    python -m docs.benchmarks.mixture

Prints and stores the sliced Wasserstein distance of 10,000 generated rows to the truth,
after training on 5,000 rows under MCAR and MAR.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from skmissdiff import MissDiffSampler

RESULTS = Path(__file__).parent / "results" / "mixture.csv"
FIELDS = ["mechanism", "method", "seed", "sliced_wasserstein", "mean_error", "fit_seconds"]
WEIGHTS = np.array([0.35, 0.30, 0.20, 0.15])
N_COLUMNS = 5


def components(seed=0):
    """Means (4, 5) and covariances (4, 5, 5), scaled to unit variance per column."""
    rng = np.random.default_rng(seed)
    means = 2.2 * rng.normal(size=(len(WEIGHTS), N_COLUMNS))
    factors = rng.normal(size=(len(WEIGHTS), N_COLUMNS, N_COLUMNS)) / np.sqrt(N_COLUMNS)
    covariances = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(N_COLUMNS)
    covariances *= rng.uniform(0.5, 1.5, (len(WEIGHTS), 1, 1))
    centred = means - WEIGHTS @ means
    within = np.diagonal(covariances, axis1=1, axis2=2)
    sd = np.sqrt(WEIGHTS @ (within + centred**2))
    return centred / sd, covariances / sd[:, None] / sd


def draw_rows(n_rows, rng):
    """True rows."""
    means, covariances = components()
    which = rng.choice(len(WEIGHTS), n_rows, p=WEIGHTS)
    roots = np.linalg.cholesky(covariances)
    noise = rng.normal(size=(n_rows, N_COLUMNS))
    return means[which] + np.einsum("nij,nj->ni", roots[which], noise)


def spoil(X, mechanism, rng):
    """Rows with holes: "complete", "MCAR 30", "MCAR 60", "MAR 60", "MAR 90".

    Under MAR every column but the first is missing with a probability that rises with the
    rank of the first one, from 0 to the number.
    """
    kind, _, percent = mechanism.partition(" ")
    rate = int(percent or 0) / 100
    missing = rng.random(X.shape) < rate
    if kind == "MAR":
        rank = X[:, 0].argsort().argsort() / len(X)
        missing = rng.random(X.shape) < (rate * rank)[:, None]
        missing[:, 0] = False
    return np.where(missing, np.nan, X)


def sliced_wasserstein(X, Y, n_projections=200, seed=0):
    """Mean first Wasserstein distance over random directions, of samples of one size."""
    directions = np.random.default_rng(seed).normal(size=(X.shape[1], n_projections))
    directions /= np.linalg.norm(directions, axis=0)
    return np.abs(np.sort(X @ directions, axis=0) - np.sort(Y @ directions, axis=0)).mean()


METHODS = {
    "missdiff": lambda seed: MissDiffSampler("missdiff", scaling="standard", random_state=seed),
    "without drawn cells": lambda seed: MissDiffSampler(n_refreshes=0, random_state=seed),
    "default": lambda seed: MissDiffSampler(random_state=seed),
}
MECHANISMS = ["complete", "MCAR 30", "MCAR 60", "MAR 60", "MAR 90"]


def run(mechanism, method, seed):
    """One line of the results; method "truth" is a fresh sample."""
    truth = draw_rows(10_000, np.random.default_rng(1000 + seed))
    start = time.perf_counter()
    if method == "truth":
        generated = draw_rows(10_000, np.random.default_rng(2000 + seed))
    else:
        table = spoil(
            draw_rows(5000, np.random.default_rng(seed)), mechanism, np.random.default_rng(seed)
        )
        sampler = METHODS[method](seed).fit(table)
        seconds = time.perf_counter() - start
        generated = sampler.sample(10_000)
    return {
        "mechanism": mechanism,
        "method": method,
        "seed": seed,
        "sliced_wasserstein": round(sliced_wasserstein(generated, truth), 4),
        "mean_error": round(np.abs(generated.mean(axis=0) - truth.mean(axis=0)).max(), 4),
        "fit_seconds": 0.0 if method == "truth" else round(seconds, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=["truth", *METHODS])
    parser.add_argument("--mechanisms", nargs="+", default=MECHANISMS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.out.parent.mkdir(exist_ok=True)
    done = set()
    if options.out.exists():
        with options.out.open() as file:
            done = {tuple(row[key] for key in FIELDS[:3]) for row in csv.DictReader(file)}
    for seed in range(options.seeds):
        for mechanism in options.mechanisms:
            for method in options.methods:
                if (mechanism, method, str(seed)) in done:
                    continue
                if method == "truth" and mechanism != "complete":
                    continue
                row = run(mechanism, method, seed)
                with options.out.open("a", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS)
                    if file.tell() == 0:
                        writer.writeheader()
                    writer.writerow(row)
                print(*row.values(), flush=True)


if __name__ == "__main__":
    main()
