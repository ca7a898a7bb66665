"""The page of a report on an imputed table."""

import html

import numpy as np

from skmissdiff.displays import (
    ImputedDistributionDisplay,
    RowImputationsDisplay,
    TrainingDisplay,
)
from skmissdiff.displays._distribution import columns_of
from skmissdiff.displays._figure import any_name, own_axes
from skmissdiff.displays._row_imputations import rows_of
from skmissdiff.report._page import describe, image, note, page, spread_in_words, table
from skmissdiff.report._plots import png

_N_ROWS = 6
_MOST_COLUMNS = 12
_N_DRAWS = 100


def render(report):
    """Return a report as the text of an HTML file.

    Parameters
    ----------
    report : ImputationReport

    Returns
    -------
    str
    """
    parts = [f'<p class="facts">{_facts(report)}</p>', *_remarks(report)]
    if report.n_imputed_.any():
        parts += [*_imputed(report), *_distributions(report)]
    parts += _held_out(report)
    if report.n_imputed_.any():
        parts += _rows(report)
    parts += _training(report)
    return page("Imputed cells of a table", parts)


def picture(display, description):
    """A display as a picture inside the page."""
    ax = own_axes(display.size)
    with any_name():
        data = png(display.plot(ax).figure_)
    return image(data, description, inches=display.size[0])


def _facts(report):
    cells, filled = report._tables.whole.missing, report._tables.filled
    n_tables = len(report._tables.imputed)
    how = "by best guesses" if n_tables == 1 else f"by draws, in {n_tables} tables"
    n_incomplete = int(cells.any(axis=1).sum())
    missing = (
        f"{int(cells.sum()):,} of {cells.size:,} cells missing ({cells.mean():.1%}), in "
        f"{n_incomplete:,} rows"
    )
    return (
        f"{cells.shape[0]:,} rows, {cells.shape[1]} columns, {missing}; "
        f"{int(filled.sum()):,} cells imputed {how}."
    )


def _remarks(report):
    if not report._remarks:
        return []
    items = "\n".join(f"<li>{html.escape(remark)}</li>" for remark in report._remarks)
    return ["<h2>To be noted</h2>", f"<ul>\n{items}\n</ul>"]


def _imputed(report):
    rows = []
    for j in np.flatnonzero(report.n_imputed_):
        column, tables = report._tables.table.schema.columns[j], report._tables
        known = tables.observed(j)
        rows.append(
            [
                report.names_[j],
                f"{report.n_imputed_[j]:,}",
                f"{report.n_imputed_[j] / tables.table.n_rows:.1%}",
                describe(column, known, known),
                describe(column, tables.draws(j).ravel(), known),
            ]
        )
    header = ["column", "imputed", "share", "observed", "imputed values"]
    left = [
        str(name)
        for j, name in enumerate(report.names_)
        if report._tables.table.missing[:, j].any() and not report.n_imputed_[j]
    ]
    parts = ["<h2>What was imputed</h2>", table(header, rows, numbers={1, 2})]
    if left:
        parts.append(note(f"Gaps left as they are: {html.escape(', '.join(left))}."))
    return parts


def _distributions(report):
    display = ImputedDistributionDisplay(**columns_of(report._draws, whole=report._tables))
    text = (
        "Imputed values may rightly differ from observed ones: where some kinds of rows lack a "
        "cell more often than others, those rows' values are what is imputed."
    )
    if len(report._tables.imputed) == 1:
        n_draws = len(report._draws.imputed)
        text += (
            f" The lines are {n_draws} draws of the cells, which show how uncertain they are; the "
            "completed table has their best guesses, which lie more in the middle."
        )
    if display.n_others:
        text += f" {display.n_others} columns with fewer missing cells are not drawn."
    return [
        "<h2>Beside what was observed</h2>",
        picture(display, "Observed and imputed values of each column"),
        note(text),
    ]


def _held_out(report):
    title = "<h2>How good are they?</h2>"
    if not report.held_out_:
        text = (
            "No cell was hidden to find out: hidden_fraction, on the command line --holdout, asks."
        )
        return [title, note(text)]
    columns = {c: k for k, c in enumerate(report.names_)}
    rows = []
    for name, figures in report.held_out_.items():
        column = report._tables.table.schema.columns[columns[name]]
        ratio = (
            figures["error"] / figures["constant_error"] if figures["constant_error"] else np.nan
        )
        rows.append(
            [
                name,
                f"{figures['n_cells']:,}",
                _error_in_words(column, figures["error"]),
                _error_in_words(column, figures["constant_error"]),
                "\N{EN DASH}" if np.isnan(ratio) else f"{ratio:.2f}",
                *(_share(figures[f"coverage_{level}"]) for level in (50, 90)),
            ]
        )
    header = [
        "column",
        "hidden",
        "error",
        "of a constant",
        "ratio",
        "50 % interval",
        "90 % interval",
    ]
    text = (
        "These cells were known, and hidden from a training of its own. The error is that of best "
        "guesses: root mean square of numbers, share of wrong categories; that of a constant fills "
        "in the mean or the most frequent category. A ratio of 1 means that the other columns tell "
        "nothing of this one. Intervals are of the draws: about 50 and 90 % of the true values "
        "should lie in them."
    )
    return [
        title,
        table(header, rows, numbers=set(range(1, 7)), mine={4}),
        note(text),
        picture(report._calibration, "Rank histogram and coverage of hidden cells"),
        note(
            "Left: where the true values stand among their draws. A hump means that draws are too "
            "wide, a trough that they are too narrow. Right: lines above the diagonal are too "
            "wide. Cells that are really missing may be harder than these, if they are missing "
            "because of what they hold."
        ),
    ]


def _error_in_words(column, error):
    if column.is_categorical:
        return f"{error:.1%}"
    return spread_in_words(column, error / column.step_size)


def _share(value):
    return "\N{EN DASH}" if np.isnan(value) else f"{value:.0%}"


def _rows(report):
    tables = report._tables
    columns = np.argsort(-report.n_imputed_, kind="stable")[:_MOST_COLUMNS]
    columns = np.sort(columns[report.n_imputed_[columns] > 0])
    rows = np.flatnonzero(tables.filled[:, columns].any(axis=1))[:_N_ROWS]
    columns = [int(j) for j in columns if tables.filled[rows, j].any()]
    display = RowImputationsDisplay(**rows_of(report._imputer, report._X, rows, columns, _N_DRAWS))
    return [
        "<h2>Single rows</h2>",
        picture(display, "Imputations of single rows"),
        note(
            f"The first {len(rows)} rows with imputed cells: best guesses, and intervals that hold "
            "50 and 90 % of the draws. The shaded strip is the middle half of the observed column; "
            "an interval as wide as that tells nothing. The area of a circle is the share of a "
            "category."
        ),
    ]


def _training(report):
    losses = list(getattr(report._imputer, "loss_curve_", ()))
    if not losses:
        return []
    errors = list(report._imputer.validation_loss_curve_)
    text = "The loss scatters with the cells that are hidden in each batch."
    if errors:
        text += (
            " On the right: the error of cells of held-out rows, relative to the linear model that "
            "the training starts from. The weights with the least error were kept."
        )
    display = TrainingDisplay(loss_curve=losses, validation_loss_curve=errors)
    return ["<h2>The training</h2>", picture(display, "Training curves"), note(text)]
