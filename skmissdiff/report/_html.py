"""A report as one HTML file, with nothing to fetch."""

from itertools import combinations

import numpy as np

from skmissdiff.report._page import describe, image, note, number, page, table
from skmissdiff.report._plots import MOST_PANELS, columns_png, pairs_png

_N_PAIRS = 10

_SCORES = (
    ("marginal", "Columns", "1", "how alike single columns are"),
    ("pair_trend", "Pairs of columns", "1", "how alike two columns go together"),
    ("c2st", "Told apart", "0.5", "AUC of a classifier that tells these rows from the real ones"),
    ("alpha_precision", "Realistic", "1", "alpha-precision: rows are where real ones are"),
    ("beta_recall", "Varied", "1", "beta-recall: real rows have such rows near them"),
)
# What each should be beside held-out rows, and without them.
_PRIVACY = (
    ("distance", "Median distance to the nearest training row", "not much below held-out", ""),
    ("distance_low", "The same, of the nearest 5 %", "not much below held-out", "above 0"),
    ("ratio", "Nearest to second nearest training row", "not much below held-out", "near 1"),
    ("duplicates", "Share equal to a training row", "not above held-out", "0"),
)


def render(report):
    """Return a report as the text of an HTML file.

    Parameters
    ----------
    report : SyntheticReport

    Returns
    -------
    str
    """
    parts = [
        f'<p class="facts">{_facts(report)}</p>',
        "<h2>At a glance</h2>",
        _scores(report),
        _note(report),
        "<h2>Nearness to training rows</h2>",
        _privacy(report),
        "<h2>Columns</h2>",
        _columns_note(report),
        image(columns_png(report), "Distributions of the columns, real and synthetic"),
        _columns(report),
        *_pairs(report),
    ]
    return page("Synthetic rows beside real ones", parts)


def _facts(report):
    real, holdout = report._real, report._holdout
    held_out = "" if holdout is None else f", {holdout.n_rows} held-out real rows"
    share = real.missing.mean()
    missing = "no cell missing" if share == 0 else f"{share:.1%} of the real cells missing"
    return (
        f"{report._synthetic.n_rows} synthetic rows, {real.n_rows} real rows{held_out}, "
        f"{real.n_columns} columns, {missing}."
    )


def _scores(report):
    rows = []
    for name, label, best, meaning in _SCORES:
        score = report.scores_[name]
        rows.append([label, number(score["synthetic"]), number(score["holdout"]), best, meaning])
    header = ["", "synthetic", "held out", "best", "what it says"]
    return _beside_held_out(report, header, rows)


def _beside_held_out(report, header, rows):
    """A table whose third column speaks of held-out rows, without it where there are none."""
    if report._holdout is None:
        header, *rows = ([*row[:2], *row[3:]] for row in (header, *rows))
    last = len(header) - 1
    return table(header, rows, numbers=set(range(1, last)), mine={1}, hints={last})


def _note(report):
    if report._holdout is not None:
        text = (
            "All figures are against the real rows that the model was trained on. Held-out real "
            "rows show how near real rows come by chance: synthetic ones can hardly be nearer."
        )
    else:
        text = (
            "All figures are against the real rows. Without rows that were held out from the "
            "training there is nothing to show how near real rows come by chance, and rows that "
            "were learnt by heart look as good as real ones. Give X_holdout, or --holdout on the "
            "command line."
        )
    if np.isnan(report.scores_["c2st"]["synthetic"]):
        text += " There are too few rows for some of the figures."
    return note(text)


def _privacy(report):
    figures = report.privacy_
    rows = []
    if report._holdout is not None:
        for name, label, meaning in (
            (
                "share_nearer_to_train",
                "Nearer to a training row than to a held-out row",
                "0.5; near 1 if rows were learnt by heart",
            ),
            (
                "share_nearer_than_holdout",
                "Nearer to training rows than a held-out row is",
                "0.5; above if rows crowd around training rows",
            ),
        ):
            rows.append([label, number(figures[name]), "", meaning])
    for name, label, beside, alone in _PRIVACY:
        hint = alone if report._holdout is None else beside
        rows.append([label, number(figures[name]), number(figures[f"{name}_holdout"]), hint])
    rows = _beside_held_out(report, ["", "synthetic", "held out", "should be"], rows)
    return rows + (
        '<p class="note">Distances are between rows, with numbers in standard deviations and two '
        "different levels of a column 1 apart. The figures find plain copying. They do not prove "
        "that nobody can be identified.</p>"
    )


def _columns_note(report):
    drawn = ", the least alike columns first"
    if len(report.names_) > MOST_PANELS:
        drawn = f", of the {MOST_PANELS} columns that are least alike"
    text = (
        f"Known cells only{drawn}. The score is 1 minus the Kolmogorov-Smirnov statistic for "
        "numbers, 1 minus the total variation distance for levels."
    )
    if report._real.missing.any():
        text += (
            " Where some kinds of rows lack more cells than others, complete rows rightly differ "
            "from the known cells."
        )
    return note(text)


def _columns(report):
    rows = []
    for j, name in enumerate(report.names_):
        real, synthetic = report._real, report._synthetic
        missing = real.missing[:, j].mean()
        known, generated = _known(real, j), _known(synthetic, j)
        rows.append(
            [
                name,
                number(report.column_scores_[j]),
                f"{missing:.1%}",
                describe(real.schema.columns[j], known, known),
                describe(synthetic.schema.columns[j], generated, known),
            ]
        )
    header = ["column", "score", "missing", "real", "synthetic"]
    return table(header, rows, numbers={1, 2}, mine={1})


def _known(rows, j):
    return rows.columns[j][~rows.missing[:, j]]


def _pairs(report):
    """The map of pairs and the pairs that are least alike."""
    scores = report.pair_scores_
    known = [
        (scores[i, j], i, j)
        for i, j in combinations(range(len(scores)), 2)
        if not np.isnan(scores[i, j])
    ]
    if not known:
        return []
    worst = sorted(known)[:_N_PAIRS]
    rows = [[report.names_[i], report.names_[j], number(score)] for score, i, j in worst]
    return [
        "<h2>Pairs of columns</h2>",
        image(pairs_png(report), "Similarity of each pair of columns", "narrow"),
        '<p class="note">The pairs that are least alike:</p>',
        table(["", "", "similarity"], rows, numbers={2}),
    ]
