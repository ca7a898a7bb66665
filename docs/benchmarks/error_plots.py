"""Error against seconds, a point a method: what the pages of the benchmarks lead with."""

import numpy as np
import pandas as pd

from docs.benchmarks.generators import CEILING
from docs.benchmarks.imputers import DEFAULT
from docs.benchmarks.style import OURS, PALE, PEERS, label_points, pyplot, save
from docs.benchmarks.tables import machines, on_one_machine

LEAST_METHODS = 4  # a panel with fewer compares nothing
MEANS = "mean / mode"
SAME_FIT = [f"{DEFAULT}, median"]  # the point of the default, drawn twice
SHORT = {f"{DEFAULT}, missdiff": "the paper's method"}
MOST_TOLD = 2  # methods named above a panel: more do not fit


def of_one_machine(runs):
    """Runs that ended, by column, and seconds of the one machine with the default and most others.

    Errors are of all machines: other splits differ more than machines do.
    """
    runs = runs[runs["status"].eq("ok")]
    parts = []
    for _, here in runs.groupby("column", sort=False):
        sides = [here[here["machine"].eq(name)] for name in machines(here)]
        sides = [side for side in sides if side["method"].eq(DEFAULT).any()]
        best = max(sides, key=lambda side: side["method"].nunique(), default=here.iloc[:0])
        if best["method"].nunique() >= LEAST_METHODS:
            parts.append(best)
    if not parts:
        return runs.iloc[:0]
    timed = pd.concat(parts)
    machine = machines(timed)[0]
    timed = timed.loc[timed["machine"].eq(machine), ["column", "method"]].drop_duplicates()
    return on_one_machine(runs.merge(timed), machine)


def error_against_seconds(runs, measure, path, title, better="lower"):
    """A panel a column, and one machine for all of them.

    Parameters
    ----------
    runs : frame
        With "column", "method", "seed", "status", "machine", "seconds" and the measure.
    measure : str
    path : path
    title : str
    better : {"lower", "higher"}

    Returns
    -------
    drawn : bool
        False if no column has the default and enough others on one machine.
    """
    runs = of_one_machine(runs.dropna(subset=[measure, "seconds"]))
    columns = list(dict.fromkeys(runs["column"]))
    if not columns:
        return False
    across = 3 if len(columns) > 4 else min(2, len(columns))
    down = -(-len(columns) // across)
    with pyplot() as plt:
        figure, axes = plt.subplots(
            down, across, figsize=(4.6 * across, 0.6 + 3.2 * down), squeeze=False
        )
        for axis in axes.flat[len(columns) :]:
            axis.remove()
        for axis, column in zip(axes.flat, columns, strict=False):
            _panel(axis, runs[runs["column"].eq(column)], measure, better)
            axis.set_title(column, pad=18)
            axis.set_xlabel("seconds")
        for axis in axes[:, 0]:
            axis.set_ylabel(f"{NAMES.get(measure, measure)} ({better} is better)")
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        timed = runs.dropna(subset="seconds")
        figure.text(0.99, 0.004, _ran_on(timed), ha="right", fontsize=7, color=PEERS)
        figure.tight_layout(rect=(0, 0.01, 1, 1))
        for axis, column in zip(axes.flat, columns, strict=False):
            means, _ = _points(runs[runs["column"].eq(column)], measure, better)
            label_points(axis, _named(means["seconds"], means[measure]), fontsize=8)
        save(figure, path)
    return True


def _ran_on(runs):
    threads = runs["threads"].iloc[0]
    return f"{machines(runs)[0]}; {threads} thread{'' if threads == 1 else 's'}"


NAMES = {"rmse": "RMSE", "mae": "MAE", "auc": "AUC of learners", "c2st": "C2ST"}


def _points(runs, measure, better):
    """Mean and spread of each method that is drawn; and the errors that are only told."""
    means = runs.groupby("method", sort=False)[["seconds", measure]].mean()
    means["sd"] = runs.groupby("method")[measure].std().fillna(0)
    means = means.drop(index=SAME_FIT, errors="ignore")
    far = pd.Series(False, index=means.index)
    if better == "lower" and MEANS in means.index:
        # As bad as means: no need to show how bad, at the cost of telling the others apart.
        far = means[measure] >= means.loc[MEANS, measure]
    return means[~far], means.loc[far, measure]


def _panel(axis, runs, measure, better):
    means, far = _points(runs, measure, better)
    for method, row in means.iterrows():
        colour = colour_of(method)
        axis.errorbar(row["seconds"], row[measure], row["sd"], color=colour, alpha=0.25, lw=1.5)
        axis.plot(
            row["seconds"], row[measure], "o", color=colour, ms=8 if method == DEFAULT else 5.5
        )
    _seconds_axis(axis)
    if len(far):
        told = ", ".join(f"{name} {value:.2g}" for name, value in far.items())
        if len(far) > MOST_TOLD:
            told = f"{len(far)} methods, {far.min():.2g} to {far.max():.2g}"
        text = f"above the picture: {told}"
        axis.text(0, 1.02, text, fontsize=7, color=PEERS, transform=axis.transAxes)


def _seconds_axis(axis):
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.xaxis.set_minor_formatter(lambda value, _: "")
    left, right = axis.get_xlim()
    axis.set_xlim(left / 1.5, right * 1.8)


def _named(x, y):
    """What `label_points` takes, from places by method."""
    return {
        SHORT.get(name, name): (x[name], y[name], colour_of(name), weight_of(name))
        for name in x.index
    }


def colour_of(method):
    return OURS if method.startswith(DEFAULT) else PEERS


def weight_of(method):
    return "bold" if method == DEFAULT else "normal"


def overview(runs, path):
    """One point a method over all columns: error as a share of that of means, against seconds.

    Only methods that ran everywhere are drawn.
    """
    runs = of_one_machine(runs.dropna(subset=["rmse", "seconds"]))
    means = runs.groupby(["column", "method"], sort=False)[["rmse", "seconds"]].mean().unstack(0)
    means = means.dropna()
    if not {DEFAULT, MEANS} <= set(means.index):
        return False
    shares = 100 * means["rmse"] / means["rmse"].loc[MEANS]
    shown = means.index.drop([MEANS, *SAME_FIT], errors="ignore")
    x = np.exp(np.log(means["seconds"]).mean(axis=1))[shown]
    y = np.exp(np.log(shares).mean(axis=1))[shown]
    with pyplot() as plt:
        figure, axis = plt.subplots(figsize=(7.6, 3.9))
        for method in shown:
            size = 13 if method == DEFAULT else 8
            axis.plot(x[method], y[method], "o", ms=size, color=colour_of(method))
        _seconds_axis(axis)
        axis.margins(y=0.15)
        axis.set_xlabel(f"seconds to fit and to impute {runs['rows'].max():,} rows")
        axis.yaxis.set_major_formatter("{x:.0f} %")
        title = "Error of imputed cells, in per cent of that of column means"
        axis.set_title(title, pad=20, fontsize=11)
        tables, mechanisms = (" and ".join(sorted(set(runs[x]))) for x in ("dataset", "mechanism"))
        said = f"{tables}, holes {mechanisms}: mean RMSE"
        axis.text(0, 1.03, said, fontsize=7.5, color=PEERS, transform=axis.transAxes)
        figure.text(0.99, 0.012, _ran_on(runs), ha="right", fontsize=7, color=PEERS)
        figure.tight_layout()
        label_points(axis, _named(x, y), fontsize=9.5)
        save(figure, path)
    return True


def generation_plot(runs, path, title):
    """Utility and detection of generated rows against the seconds of training.

    Means over all settings; the ceiling, real rows, is a line.
    """
    runs = runs[runs["status"].eq("ok")]
    real = runs[runs["method"].eq(CEILING)]
    made = runs[~runs["method"].eq(CEILING)].dropna(subset=["fit_seconds"])
    if made["method"].nunique() < 2:
        return False
    panels = (
        ("auc", "AUC of learners trained on the rows", "higher is better"),
        ("c2st", "AUC of telling them from real rows", "lower is better, .5: not at all"),
    )
    means = made.groupby("method", sort=False)[["fit_seconds", "auc", "c2st"]].mean()
    with pyplot() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.7))
        for axis, (measure, name, better) in zip(axes, panels, strict=True):
            for method, row in means.iterrows():
                axis.plot(
                    row["fit_seconds"],
                    row[measure],
                    "o",
                    color=colour_of(method),
                    ms=8 if method == DEFAULT else 6,
                )
            level = real[measure].mean()
            axis.axhline(level, color=PALE, ls="--", lw=1.2)
            axis.text(
                0.995,
                level,
                "real rows",
                transform=axis.get_yaxis_transform(),
                ha="right",
                va="bottom",
                fontsize=8,
                color=PEERS,
            )
            _seconds_axis(axis)
            low, high = axis.get_ylim()
            axis.set_ylim(low - 0.05 * (high - low), high + 0.12 * (high - low))
            axis.set_title(f"{name}\n{better}")
            axis.set_xlabel("seconds to fit")
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        figure.text(0.99, 0.006, _ran_on(made), ha="right", fontsize=7, color=PEERS)
        figure.tight_layout(rect=(0, 0.01, 1, 1))
        for axis, (measure, *_) in zip(axes, panels, strict=True):
            label_points(axis, _named(means["fit_seconds"], means[measure]), fontsize=8)
        save(figure, path)
    return True
