"""What the benchmark commands share: arguments, the loop over runs, progress."""

import argparse
import sys
import time
from pathlib import Path

from docs.benchmarks.data import DEFAULT_DIR
from docs.benchmarks.results import FOLDER, NO_PEERS, Results, provenance

SLOW_SECONDS = 60
SLOW_SEEDS = 2
BAR_WIDTH = 20


def parser(description):
    """A parser of the arguments that every benchmark takes."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--methods", nargs="+", metavar="NAME", help="rows of the table")
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument(
        "--slow-seeds",
        type=int,
        default=SLOW_SEEDS,
        help=f"seeds of a method whose runs take more than {SLOW_SECONDS} s (default: 2)",
    )
    made.add_argument(
        "--budget", type=float, default=300, help="seconds after which a run is ended, for all"
    )
    made.add_argument(
        "--max-rows",
        type=int,
        help="a random part of larger tables, or 0 for all; the default depends on the table",
    )
    made.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    made.add_argument("--peers-python", help="Python of the environment of peers/build.sh")
    made.add_argument("--out", type=Path, help="CSV file of the results; finished runs are kept")
    made.add_argument("--quick", action="store_true", help="a small version, under three minutes")
    return made


def chosen(names, registry, kind="method"):
    """``names``, or all of the registry."""
    unknown = sorted(set(names or []) - set(registry))
    if unknown:
        raise SystemExit(f"no {kind} is named {unknown}; there are {list(registry)}")
    return list(names or registry)


def out_path(options, name):
    """Where the results go; those of a quick run are not mixed with the others."""
    return options.out or FOLDER / ("quick" if options.quick else "") / f"{name}.csv"


def run_table(path, key, measures, jobs, execute, options):
    """Run what is not there yet.

    Parameters
    ----------
    path : path
        The CSV file.
    key, measures : list of str
        Its columns.
    jobs : list of dict
        The keys of the runs.
    execute : callable(job) -> dict
        Gives the measures of a run and its "status".
    options : namespace
        With ``seeds``, ``slow_seeds`` and ``budget``.

    Returns
    -------
    results : Results
    """
    results = Results(path, key, measures)
    started, n_run = time.monotonic(), 0
    for place, job in enumerate(jobs):
        if results.finished(job) or _too_slow(results, job, options.slow_seeds):
            continue
        label = " ".join(str(value) for name, value in job.items() if value != "")
        _show(place, len(jobs), f"{label} ...", final=False)
        began = time.monotonic()
        row = execute(job)
        results.add({**job, **row, **provenance(options.budget)})
        n_run += 1
        numbers = "  ".join(
            f"{name} {row[name]:.4g}" for name in measures[:4] if isinstance(row.get(name), float)
        )
        text = f"{label}: {row['status']}  {numbers}  {time.monotonic() - began:.1f} s"
        _show(place + 1, len(jobs), text, final=True)
    print(
        f"{n_run} of {len(jobs)} runs made now, {time.monotonic() - started:.0f} s; "
        f"results in {path}",
        file=sys.stderr,
    )
    return results


def _too_slow(results, job, slow_seeds):
    """Whether an earlier seed failed, or the first ones took long: the others are left out."""
    before = [row for row in results.others(job, ["seed"]) if int(row["seed"]) < job["seed"]]
    if any(row["status"] not in ("ok", NO_PEERS) for row in before):
        return True
    if not before or job["seed"] < slow_seeds:
        return False
    seconds = [
        sum(float(row[name] or 0) for name in row if name.endswith("_seconds")) for row in before
    ]
    return sum(seconds) / len(seconds) > SLOW_SECONDS


def _show(place, total, text, final):
    """A line on standard error; on a terminal with a bar that stays at the bottom."""
    terminal = sys.stderr.isatty()
    if not (final or terminal):
        return
    filled = BAR_WIDTH * place // max(1, total)
    bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] " if terminal else ""
    start, end = ("\r", "\033[K") if terminal else ("", "")
    print(
        f"{start}{bar}{place}/{total} {text}{end}",
        end="\n" if final else "",
        file=sys.stderr,
        flush=True,
    )
