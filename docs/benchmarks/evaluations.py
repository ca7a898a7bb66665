"""How many evaluations of the network does a draw need?

    python -m docs.benchmarks.evaluations

Complete rows of a table lose 30 % of their cells; one fit completes them 20 times by the networks
alone, with different numbers of evaluations and the same noise. Told are how far numbers end from
where many evaluations lead, in standard deviations, the CRPS of the draws, and the seconds
of a drawn row. `docs.benchmarks.pages` draws the figure.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from docs.benchmarks.data import DEFAULT_DIR, load, subsample, without_gaps
from docs.benchmarks.measures import hide
from docs.benchmarks.results import Results, provenance
from docs.benchmarks.sizes import made_up
from docs.benchmarks.style import INK, OURS, PALE, PEERS, pyplot, save
from skmissdiff import MissDiffImputer, metrics

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "evaluations.csv"
TABLES = ["made up", "concrete", "titanic", "california"]
COLOURS = dict(zip(TABLES, [OURS, PEERS, PALE, INK], strict=True))
EVALUATIONS = [2, 3, 4, 5, 6, 8, 10, 15, 20, 40]
MANY = 160  # evaluations, from which nothing changes
N_DRAWS, MAX_ROWS, MISSING_RATE = 20, 2000, 0.3
KEY = ["dataset", "seed", "evaluations"]
MEASURES = ["path_error", "crps", "milliseconds"]


def complete_rows(name, seed, data_dir):
    if name == "made up":
        return made_up(1000, np.random.default_rng(seed))
    return subsample(without_gaps(load(name, data_dir)), name, MAX_ROWS, seed).reset_index(
        drop=True
    )


def runs(name, seed, data_dir):
    """The measures for each number of evaluations."""
    true = complete_rows(name, seed, data_dir)
    hidden = hide(true, "mcar", MISSING_RATE, seed)
    holed = true.mask(hidden)
    imputer = MissDiffImputer(donors=False, random_state=seed).fit(holed)
    scale = holed.select_dtypes("number").std()
    judged = hidden[:, true.columns.get_indexer(scale.index)]
    n_rows = N_DRAWS * hidden.any(axis=1).sum()

    def numbers(tables):
        return np.stack([table[scale.index].to_numpy()[judged] for table in tables])

    unit = np.broadcast_to(scale.to_numpy(), judged.shape)[judged]
    reached = None
    for evaluations in [MANY, *EVALUATIONS]:
        started = time.process_time()
        tables = imputer.set_params(n_steps=evaluations).multiple_impute(holed, N_DRAWS)
        seconds = time.process_time() - started
        values = numbers(tables) / unit
        reached = values if reached is None else reached
        yield {
            "evaluations": evaluations,
            "path_error": f"{np.sqrt(np.mean((values - reached) ** 2)):.5g}",
            "crps": f"{metrics.imputation_crps(true, tables, hidden, scale=scale.to_dict()):.5g}",
            "milliseconds": f"{1000 * seconds / n_rows:.4g}",
        }


def plot_evaluations(results, path, title):
    """Path error, and CRPS over that of many evaluations, against the evaluations."""
    with pyplot() as plt:
        figure, (errors, scores) = plt.subplots(1, 2, figsize=(9.6, 3.4))
        for name in dict.fromkeys(results["dataset"]):
            here = results[results["dataset"].eq(name)]
            means = here.groupby("evaluations")[["path_error", "crps"]].mean()
            line = {"label": name, "color": COLOURS[name], "marker": "o", "ms": 4, "lw": 1.8}
            few = means.index < MANY
            errors.plot(means.index[few], means["path_error"][few], **line)
            scores.plot(means.index[few], means["crps"][few] / means["crps"][MANY], **line)
        for axis in (errors, scores):
            axis.set(xscale="log", xlabel="evaluations of the network")
            axis.set_xticks(EVALUATIONS, EVALUATIONS)
            axis.minorticks_off()
        errors.set(yscale="log", title="from where 160 lead, in standard deviations")
        scores.set(title="CRPS over that of 160")
        handles, names = errors.get_legend_handles_labels()
        figure.legend(handles, names, loc="lower left", ncols=4, frameon=False)
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        save(figure, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    results = Results(options.out, KEY, MEASURES)
    for name in options.tables:
        for seed in range(options.seeds):
            first = {"dataset": name, "seed": seed}
            if results.finished({**first, "evaluations": EVALUATIONS[-1]}) is not None:
                continue
            for found in runs(name, seed, options.data_dir):
                results.add({**first, "status": "ok", **found, **provenance(0)})
                print(name, seed, *found.values(), flush=True)


if __name__ == "__main__":
    main()
