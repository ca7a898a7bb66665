"""reStructuredText tables of results: means, best in bold, ranks and tests."""

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

LEAST_PAIRS = 6  # fewer cannot reach p < .05, whatever they are
HEADINGS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "auc": "AUC",
    "c2st": "C2ST, AUC",
    "train_rmse": "RMSE, in sample",
    "train_mae": "MAE, in sample",
}


def list_table(header, rows, title=""):
    """A reStructuredText table of the class that the style sheet sets small and wide."""
    lines = [f".. list-table:: {title}".rstrip(), "   :header-rows: 1", "   :stub-columns: 1"]
    lines += ["   :class: figures", "   :widths: auto", ""]
    for row in [header, *rows]:
        # A hyphen alone would be taken for a list.
        cells = ["\u2013" if cell == "-" else cell for cell in row]
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"


def mean_and_sd(values, most=None):
    """Such as "0.0477 (0.0012)"; fewer seeds than ``most`` are said."""
    values = values.dropna()
    if values.empty:
        return "-"
    digits = 4 if abs(values.mean()) < 0.2 else 3
    if abs(values.mean()) >= 10:
        digits = 1
    text = f"{values.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ({values.std():.{digits}f})"
    return text if most is None or len(values) == most else f"{text}, {_seeds(len(values))}"


def _seeds(n):
    return f"{n} seed" if n == 1 else f"{n} seeds"


def comparison(results, measure, reference=None, higher=False, apart=(), published=None, title=""):
    """Methods against columns.

    Parameters
    ----------
    results : frame
        One line a run, with "method", "column", "seed", "status" and the measure.
    measure : str
    reference : str or None
        The method that each other one is tested against.
    higher : bool
        Whether higher is better.
    apart : list of str
        Methods that are shown and take no part: not in bold, not ranked.
    published : dict of dict or None
        Method: column: text, shown below and marked.
    title : str
        Above the table.

    Returns
    -------
    table : str
        With a line below it for each failure that a cell names in one word.
    """
    columns = list(dict.fromkeys(results["column"]))
    methods = list(dict.fromkeys(results["method"]))
    runs = results[results["status"].eq("ok") & results[measure].notna()]
    seeds = runs.groupby("column")["seed"].nunique()
    means = comparable_means(runs, measure, reference).reindex(index=methods, columns=columns)
    ranked = means.drop(index=[name for name in apart if name in methods])
    best = ranked.max() if higher else ranked.min()
    ranks = _ranks(ranked, higher)
    tests = {} if reference is None else against(runs, measure, reference)
    ranks_shown = not measure.endswith("seconds")  # who is the fastest is not the question
    header = [HEADINGS.get(measure, measure.replace("_", " "))]
    header += [f"{name}, {_seeds(seeds.get(name, 0))}" for name in columns]
    header += ["rank"] if ranks_shown else []
    header += [f"against {reference}"] if tests else []
    rows, notes = [], []
    for method in methods:
        row = [method]
        for column in columns:
            here = results[results["method"].eq(method) & results["column"].eq(column)]
            values = here.loc[here["status"].eq("ok"), measure]
            cell = mean_and_sd(values, seeds.get(column, 0))
            if cell == "-":
                said = reason(here)
                cell = in_a_word(said)
                if cell == "failed":
                    notes.append(f"{method}, {column}: {said}")
            elif method in ranked.index and means.loc[method, column] == best[column]:
                cell = f"**{cell}**"
            row.append(cell)
        if ranks_shown:
            row.append(f"{ranks[method]:.1f}" if method in ranks else "-")
        if tests:
            row.append(tests.get(method, "-"))
        rows.append(row)
    for method, figures in (published or {}).items():
        cells = [figures.get(column, "-") for column in columns]
        rows.append([f"{method} (published)", *cells] + ["-"] * (ranks_shown + bool(tests)))
    return list_table(header, rows, title) + "".join(f"\n{note}\n" for note in notes)


def by_machine(results, measure):
    """One `comparison` for each machine: seconds of two are not to share a table."""
    tables = []
    for name in machines(results):
        here = results[results["machine"] == name]
        n_methods = here[here[measure].notna()].groupby("column")["method"].nunique()
        here = here[here["column"].map(n_methods).gt(1)]
        if len(here):
            tables.append(comparison(here, measure, title=f"{measure} on {name}"))
    return "\n".join(tables)


def machines(results):
    """Names of the machines, that of most runs first."""
    return list(results["machine"].value_counts().index)


def on_one_machine(results, machine=None):
    """The results without seconds of other machines than one, by default that of most runs."""
    seconds = [name for name in results if name.endswith("seconds")]
    other = results["machine"].ne(machine or machines(results)[0])
    return results.assign(**{name: results[name].mask(other) for name in seconds})


def comparable_means(runs, measure, reference):
    """Means by method and column, as if all had run the seeds of the reference.

    A method with other seeds gets the mean of the reference, times the ratio of the two on the
    seeds that they share: splits differ more than methods do.
    """
    wide = runs.pivot_table(index=["column", "seed"], columns="method", values=measure)
    means = wide.groupby(level="column").mean().T
    if reference not in wide:
        return means
    for method in wide.columns.drop(reference):
        pairs = wide[[method, reference]].dropna().groupby(level="column").mean()
        scaled = pairs[method] / pairs[reference] * means.loc[reference]
        means.loc[method] = scaled.fillna(means.loc[method])
    return means


def reason(runs):
    """Why there is no figure: what the runs say, or a dash for none."""
    said = runs.loc[runs["status"].ne("ok"), "status"].unique()
    return "; ".join(escape(text) for text in said) or "-"


def in_a_word(said):
    """A reason of a cell's length: "over 90 s", "failed"; short ones as they are."""
    for start, word in (("over budget of ", "over "), ("failed: ", "failed")):
        if said.startswith(start):
            return word + (said.removeprefix(start) if word == "over " else "")
    return said


def escape(text):
    """A message without what reStructuredText would take for markup, cut to a cell's size."""
    text = "".join(" " if character in "*`|_<>\\" else character for character in str(text))
    text = " ".join(text.split())
    return text if len(text) <= 90 else text[:87] + "..."


def _ranks(means, higher):
    """Average rank of each method; where it has no figure, it is the last."""
    ranks = means.rank(ascending=not higher).fillna(len(means))
    return ranks.mean(axis=1).to_dict()


def against(runs, measure, reference):
    """For each method: ratio of its figure to that of the reference, and the p of a test.

    The ratio is the geometric mean over the pairs of runs with one column and seed; the test is
    Wilcoxon's signed-rank test of the logarithms of the ratios, two-sided.
    """
    wide = runs.pivot_table(index=["column", "seed"], columns="method", values=measure)
    if reference not in wide:
        return {}
    texts = {reference: "1"}
    for method in wide.columns.drop(reference):
        pairs = wide[[method, reference]].dropna()
        pairs = pairs[(pairs > 0).all(axis=1)]
        if pairs.empty:
            continue
        logs = np.log(pairs[method] / pairs[reference])
        text = f"{np.exp(logs.mean()):.2f}"
        if len(logs) >= LEAST_PAIRS and logs.abs().max() > 0:
            p = wilcoxon(logs, method="auto").pvalue
            text += f", p {p:.3f}" if p >= 0.001 else ", p < .001"
        texts[method] = f"{text}, n {len(logs)}"
    return texts


def figures_table(results, columns):
    """Methods against several measures, means over all runs that are ok.

    ``columns`` maps measures to their headings.
    """
    methods = list(dict.fromkeys(results["method"]))
    rows = []
    for method in methods:
        here = results[results["method"].eq(method)]
        fine = here[here["status"].eq("ok")]
        if fine.empty:
            rows.append([method, in_a_word(reason(here)), *["-"] * (len(columns) - 1)])
            continue
        rows.append([method, *(mean_and_sd(fine[measure]) for measure in columns)])
    return list_table(["", *columns.values()], rows)


def slope(sizes, values):
    """Of log values against log sizes; nan from fewer than two."""
    frame = pd.DataFrame({"size": sizes, "value": values}).dropna()
    frame = frame[frame["value"] > 0]
    if frame["size"].nunique() < 2:
        return float("nan")
    return float(np.polyfit(np.log(frame["size"]), np.log(frame["value"]), 1)[0])
