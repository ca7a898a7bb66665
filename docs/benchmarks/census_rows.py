"""Generated rows of census beside real ones, from all rows there are.

    python -m docs.benchmarks.census_rows

Trains on half of the table with 20 % of the cells hidden, generates as many rows, and prints
figures of them and of the training rows themselves, both against the other half: how
well rows are told from real ones, utility, the share of rows that are nearer to a training row
than real rows are, and the largest error of the share of a level and of a pair of levels.
"""

import argparse
import time
from itertools import combinations

import pandas as pd

from docs.benchmarks.data import load, without_gaps
from docs.benchmarks.generation import split_rows
from docs.benchmarks.measures import generation_figures, hide
from skmissdiff import MissDiffSampler

FIGURES = ["c2st", "auc", "share_nearer_to_train"]


def share_errors(table, rows):
    """Largest error of the share of a level, and of a pair of levels of two columns."""
    columns = [name for name in table if table[name].dtype.kind not in "iuf"]
    largest = []
    for size in (1, 2):
        errors = []
        for group in combinations(columns, size):
            shares = (
                part.value_counts(list(group), normalize=True) for part in (table[columns], rows)
            )
            true, generated = pd.Series.align(*shares, fill_value=0)
            errors.append((true - generated).abs().max())
        largest.append(max(errors))
    return largest


def run(seed, mechanism="independent", rate=0.2, n_rows=None, **params):
    """Figures of generated and of real rows, and the seconds of the fit."""
    table = without_gaps(load("census"))
    train, holdout = split_rows(table, n_rows, seed)
    spoiled = train.mask(hide(train, mechanism, rate, seed))
    start = time.perf_counter()
    sampler = MissDiffSampler(random_state=seed, **params).fit(spoiled)
    seconds = time.perf_counter() - start
    lines = {}
    for name, rows in (("generated", sampler.sample(len(train))), ("real", train)):
        figures = generation_figures(train, holdout, rows, ["income"], seed)
        level, pair = share_errors(holdout, rows)
        lines[name] = {key: figures[key] for key in FIGURES} | {"level": level, "pair": pair}
    return lines, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--max-rows", type=int, help="training rows")
    options = parser.parse_args()
    for seed in range(options.seeds):
        lines, seconds = run(seed, n_rows=options.max_rows)
        for name, figures in lines.items():
            text = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
            print(f"seed {seed}, {name}: {text}", flush=True)
        print(f"seed {seed}: fitted in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
