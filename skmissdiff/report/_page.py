"""What the pages have in common: one HTML file with nothing to fetch, tables, pictures, words."""

import base64
import html

import numpy as np

from skmissdiff import __version__
from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.files import atomic_output
from skmissdiff._support.numbers import standard_deviation
from skmissdiff._table.schema import TIMES, Element

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


class HtmlReport:
    """A report that is one HTML file."""

    def to_html(self, path=None):
        """Write the report as one HTML file, which needs no other file and no network.

        Parameters
        ----------
        path : str, path-like or None, default=None
            Where to write it; None returns it.

        Returns
        -------
        html : str or None
            The text of the file, if there is no `path`.
        """
        html = self._html()
        if path is None:
            return html
        with atomic_output(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
            stream.write(html)
        return None


def page(title, parts):
    """Return an HTML file of these parts.

    Parameters
    ----------
    title : str
    parts : list of str

    Returns
    -------
    str
    """
    made = f'<p class="note">Made by skmissdiff {html.escape(__version__)}.</p>'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join([f"<h1>{title}</h1>", *parts, made])
        + "\n</body>\n</html>\n"
    )


def note(text):
    """A remark below a table or a picture; the text is HTML."""
    return f'<p class="note">{text}</p>'


def table(header, rows, numbers=(), mine=(), hints=()):
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
    rows = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="wide">{rows}</div>'


def image(data, description, style=None, inches=None):
    """A PNG picture inside the page, as wide as the page or at most as it was made."""
    style = "" if style is None else f' class="{style}"'
    if inches is not None:
        style += f' style="max-width: {round(90 * inches)}px"'
    text = base64.b64encode(data).decode("ascii")
    return f'<img{style} alt="{html.escape(description)}" src="data:image/png;base64,{text}">'


def number(value):
    return "\N{EN DASH}" if np.isnan(value) else f"{value:.3f}"


def short(level, width=24):
    text = " ".join(str(level).split())
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def describe(column, values, known):
    """A column in a few words, with the share of a number that is frequent among known ones.

    Parameters
    ----------
    column : ColumnSchema
    values, known : ndarray of shape (n_values,)
        Without missing ones.
    """
    if len(values) == 0:
        return "no value"
    if values.dtype != object:
        mean, low, high = (_in_words(column, f(values)) for f in (np.mean, np.min, np.max))
        sd = spread_in_words(column, standard_deviation(values))
        words = f"mean {mean}, sd {sd}, {low} to {high}"
        numbers, counts = np.unique(known, return_counts=True)
        if len(numbers) > 1 and counts.max(initial=0) > _FREQUENT * counts.sum():
            frequent = numbers[counts.argmax()]
            words += f", {np.mean(values == frequent):.1%} are {_in_words(column, frequent)}"
        return words
    levels, counts = count_categories(column, values)
    order = np.argsort(-counts, kind="stable")
    words = [f"{short(levels[k])} {counts[k] / len(values):.1%}" for k in order[:_N_LEVELS]]
    if len(levels) > _N_LEVELS:
        words.append(f"{len(levels) - _N_LEVELS} more")
    return ", ".join(words)


def _in_words(column, number):
    return f"{number:.4g}" if column.clock is None else column.text(round(number))


def spread_in_words(column, number):
    """A standard deviation in natural units, of time in the largest of which there is one."""
    number *= column.step_size
    if column.element not in TIMES or column.element is Element.PERIOD:
        return f"{number:.4g}"
    units = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
    unit = next((name for name, seconds in units.items() if number >= seconds), "seconds")
    return f"{number / units[unit]:.4g} {unit}"
