"""A report as one HTML file, with nothing to fetch."""

import base64
import html
from itertools import combinations

import numpy as np

from skmissdiff import __version__
from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.numbers import standard_deviation
from skmissdiff._table.schema import TIMES, Element
from skmissdiff.report._plots import MOST_PANELS, columns_png, pairs_png

_N_PAIRS = 10
_N_LEVELS = 3
# Numbers of which one takes more than this share have it named.
_FREQUENT = 0.2

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
p.facts, p.note { color: #5c636a; margin: .3rem 0 1rem; }
p.note { font-size: .9rem; max-width: 48rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid #dee2e6;
  vertical-align: top; }
thead th { color: #5c636a; font-weight: 600; }
td.number, th.number { text-align: right; padding-right: 1.4rem; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
td.mine { font-weight: 600; }
td.hint { color: #5c636a; min-width: 13rem; }
img { width: 100%; height: auto; }
img.narrow { max-width: 44rem; display: block; }
"""

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
    title = "Synthetic rows beside real ones"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="facts">{_facts(report)}</p>',
        "<h2>At a glance</h2>",
        _scores(report),
        _note(report),
        "<h2>Nearness to training rows</h2>",
        _privacy(report),
        "<h2>Columns</h2>",
        _columns_note(report),
        _image(columns_png(report), "Distributions of the columns, real and synthetic"),
        _columns(report),
        *_pairs(report),
        f'<p class="note">Made by skmissdiff {html.escape(__version__)}.</p>',
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


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
        rows.append([label, _number(score["synthetic"]), _number(score["holdout"]), best, meaning])
    header = ["", "synthetic", "held out", "best", "what it says"]
    return _beside_held_out(report, header, rows)


def _beside_held_out(report, header, rows):
    """A table whose third column speaks of held-out rows, without it where there are none."""
    if report._holdout is None:
        header, *rows = ([*row[:2], *row[3:]] for row in (header, *rows))
    last = len(header) - 1
    return _table(header, rows, numbers=set(range(1, last)), mine={1}, hints={last})


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
    return f'<p class="note">{text}</p>'


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
            rows.append([label, _number(figures[name]), "", meaning])
    for name, label, beside, alone in _PRIVACY:
        hint = alone if report._holdout is None else beside
        rows.append([label, _number(figures[name]), _number(figures[f"{name}_holdout"]), hint])
    table = _beside_held_out(report, ["", "synthetic", "held out", "should be"], rows)
    return table + (
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
    return f'<p class="note">{text}</p>'


def _columns(report):
    rows = []
    for j, name in enumerate(report.names_):
        real, synthetic = report._real, report._synthetic
        missing = real.missing[:, j].mean()
        rows.append(
            [
                name,
                _number(report.column_scores_[j]),
                f"{missing:.1%}",
                _describe(real, j, real),
                _describe(synthetic, j, real),
            ]
        )
    header = ["column", "score", "missing", "real", "synthetic"]
    return _table(header, rows, numbers={1, 2}, mine={1})


def _describe(table, j, real):
    """A column in a few words, with the share of a number that is frequent in the real one."""
    values = table.columns[j][~table.missing[:, j]]
    if len(values) == 0:
        return "no value"
    if values.dtype != object:
        column = real.schema.columns[j]
        mean, low, high = (_in_words(column, f(values)) for f in (np.mean, np.min, np.max))
        sd = _spread_in_words(column, standard_deviation(values))
        words = f"mean {mean}, sd {sd}, {low} to {high}"
        known, counts = np.unique(real.columns[j][~real.missing[:, j]], return_counts=True)
        if len(known) > 1 and counts.max(initial=0) > _FREQUENT * counts.sum():
            frequent = known[counts.argmax()]
            words += f", {np.mean(values == frequent):.1%} are {_in_words(column, frequent)}"
        return words
    levels, counts = count_categories(table.schema.columns[j], values)
    order = np.argsort(-counts, kind="stable")
    words = [f"{_short(levels[k])} {counts[k] / len(values):.1%}" for k in order[:_N_LEVELS]]
    if len(levels) > _N_LEVELS:
        words.append(f"{len(levels) - _N_LEVELS} more")
    return ", ".join(words)


def _in_words(column, number):
    return f"{number:.4g}" if column.clock is None else column.text(round(number))


def _spread_in_words(column, number):
    """A standard deviation in natural units, of time in the largest of which there is one."""
    number *= column.step_size
    if column.element not in TIMES or column.element is Element.PERIOD:
        return f"{number:.4g}"
    units = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
    unit = next((name for name, seconds in units.items() if number >= seconds), "seconds")
    return f"{number / units[unit]:.4g} {unit}"


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
    rows = [[report.names_[i], report.names_[j], _number(score)] for score, i, j in worst]
    return [
        "<h2>Pairs of columns</h2>",
        _image(pairs_png(report), "Similarity of each pair of columns", "narrow"),
        '<p class="note">The pairs that are least alike:</p>',
        _table(["", "", "similarity"], rows, numbers={2}),
    ]


def _table(header, rows, numbers=(), mine=(), hints=()):
    """A table of text; the columns in `numbers` are set to the right."""

    def classes(k, *groups):
        names = [name for name, group in groups if k in group]
        return f' class="{" ".join(names)}"' if names else ""

    head = "".join(
        f"<th{classes(k, ('number', numbers))}>{html.escape(text)}</th>"
        for k, text in enumerate(header)
    )
    groups = (("number", numbers), ("mine", mine), ("hint", hints))
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{classes(k, *groups)}>{html.escape(text)}</td>" for k, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _image(data, description, style=None):
    style = "" if style is None else f' class="{style}"'
    text = base64.b64encode(data).decode("ascii")
    return f'<img{style} alt="{html.escape(description)}" src="data:image/png;base64,{text}">'


def _number(value):
    return "\N{EN DASH}" if np.isnan(value) else f"{value:.3f}"


def _short(level, width=24):
    text = " ".join(str(level).split())
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
