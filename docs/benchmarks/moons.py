"""Draws where a cell has two places to be: two moons with half of one coordinate missing.

    python -m docs.benchmarks.moons

Prints how well a classifier tells completed rows from true ones (0.5 is not at all) and
draws the figure.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import make_moons
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score

from skmissdiff import MissDiffImputer

FIGURE = Path(__file__).parent / "moons.png"


def two_sample_accuracy(X, Y, seed=0):
    """C2ST: cross-validated accuracy of telling two samples of one size apart."""
    rows = np.vstack([X, Y])
    labels = np.repeat([0, 1], len(X))
    order = np.random.default_rng(seed).permutation(len(rows))
    model = HistGradientBoostingClassifier(random_state=seed)
    return cross_val_score(model, rows[order], labels[order], cv=5).mean()


def run(seed, n_rows=4000, **params):
    """C2ST of draws and of a fresh true sample, and the rows themselves."""
    X, _ = make_moons(n_rows, noise=0.07, random_state=seed)
    fresh, _ = make_moons(n_rows, noise=0.07, random_state=1000 + seed)
    missing = np.random.default_rng(seed).random(n_rows) < 0.5
    table = X.copy()
    table[missing, 1] = np.nan
    imputer = MissDiffImputer(random_state=seed, sample_posterior=True, **params)
    drawn = imputer.fit(table).transform(table)[missing]
    mean = imputer.set_params(sample_posterior=False).transform(table)[missing]
    truth = X[missing]
    scores = [two_sample_accuracy(rows, truth, seed) for rows in (drawn, fresh[: len(truth)])]
    return scores, truth, drawn, mean


def figure(truth, drawn, mean, path):
    """Truth, draws and means side by side."""
    import matplotlib.pyplot as plt

    panels, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharex=True, sharey=True)
    titles = ("truth", "draws", "means")
    for axis, rows, title in zip(axes, (truth, drawn, mean), titles, strict=True):
        axis.scatter(*rows.T, s=3, alpha=0.5)
        axis.set_title(title)
        axis.set_xlabel("first coordinate, given")
    axes[0].set_ylabel("second coordinate, imputed")
    panels.tight_layout()
    panels.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for seed in range(options.seeds):
        (drawn_score, fresh_score), truth, drawn, mean = run(seed)
        print(f"seed {seed}: draws {drawn_score:.3f}, fresh truth {fresh_score:.3f}", flush=True)
        if seed == 0:
            figure(truth, drawn, mean, FIGURE)


if __name__ == "__main__":
    main()
