"""Dates in CSV files: those that leave no doubt, and other formats as the user names them.

New dates are written as their column writes its own: with as much of the time, the same
separators, with or without zeros in front.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

from skmissdiff._support.files import TableError, import_pandas
from skmissdiff.cli._remarks import mostly, mostly_or_nothing

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:(?P<between>[T ])[0-9]{2}:[0-9]{2}"
    r"(?P<seconds>:[0-9]{2}(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?"
)
# Years in front and months by name leave no doubt.
_CERTAIN = (
    *("%Y/%m/%d", "%Y.%m.%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y"),
    *("%d %B %Y", "%B %d, %Y", "%B %d %Y"),
)
# Not read without being asked for, since 01/02/2024 is two dates, but pointed to.
_SUGGESTED = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d.%m.%y",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%b-%y",
)
# From the finest: the directives of a format that tell such a unit, and how to round to it.
_UNITS = (("f", "us"), ("STcrs", "s"), ("MR", "min"), ("HIp", "h"), ("dDxjUWuwaA", "D"))
# Of fewer different days, all the first ones of months, they may be so by chance.
_FEWEST_MONTHS = 3


@dataclass(frozen=True)
class DateStyle:
    """How a column writes its dates.

    Attributes
    ----------
    pattern : str
        In the directives of `datetime.strftime`; "%N" stands for the digits of a second.
    unit : {"Y", "M", "ME", "D", "h", "min", "s", "us", "ns"}
        What a date is rounded to: the first day of a year or of a month, the last of a month, and
        so on.
    digits : int
        Digits of a second.
    padded : bool
        Whether a day, a month or an hour below 10 has a zero in front.
    zone : str or None
        How the offset from UTC ends a date; None where the pattern says all.
    is_iso : bool
        Whether dates are read as ISO 8601 rather than by the pattern.
    """

    pattern: str
    unit: str = "D"
    digits: int = 0
    padded: bool = True
    zone: str | None = None
    is_iso: bool = False

    def format(self, value):
        """Write a pandas Timestamp."""
        pandas = import_pandas()
        if self.zone is not None:
            value = value.tz_convert("UTC" if self.zone == "Z" else f"UTC{_with_colon(self.zone)}")
        if self.is_calendar:
            value = self.nearest(value)
        else:
            step = f"{10 ** (9 - self.digits)}ns" if self.digits else self.unit.lower()
            value = value.round("D" if self.unit == "D" else step)
        fraction = f"{value.nanosecond + 1000 * value.microsecond:09d}"[: self.digits]
        pattern = self.pattern.replace("%N", fraction).replace("%Y", f"{value.year:04d}")
        if not self.padded:
            hour = value.hour % 12 or 12
            bare = {"%d": value.day, "%m": value.month, "%H": value.hour, "%I": hour}
            for directive, number in bare.items():
                pattern = pattern.replace(directive, str(number))
        return pandas.Timestamp(value).strftime(pattern) + (self.zone or "")

    @property
    def is_calendar(self):
        """Whether dates are those of a calendar's months or years, which are not equally long."""
        return self.unit in ("Y", "M", "ME")

    def nearest(self, value):
        """The nearest Timestamp of its months or years."""
        offsets = import_pandas().offsets
        step = {"Y": offsets.YearBegin, "M": offsets.MonthBegin, "ME": offsets.MonthEnd}[self.unit]
        first = step().rollback(value.normalize())
        try:
            last = first + step()
        except (OverflowError, ValueError):
            return first  # of the last year that there is
        return first if value - first <= last - value else last

    def parse(self, texts):
        """Read dates as a pandas DatetimeIndex, or raise ValueError; None is a missing one."""
        zoned = self.zone is not None or "%z" in self.pattern
        return _parse(texts, None if self.is_iso else self.pattern, zoned)


def recognise_dates(name, texts):
    """The style of dates that are told without a doubt, and what is to be said of others.

    Parameters
    ----------
    name : str
        The column.
    texts : list of str
        Its observed cells.

    Returns
    -------
    style : DateStyle or None
        None unless all are dates, with or without a time, all with a zone or all without.
    remark : str
    """
    levels = set(texts)
    matches = {text: _ISO.fullmatch(text) for text in levels}
    odd = sorted(text for text, match in matches.items() if match is None)
    if len(odd) == len(levels):
        certain = next((f for f in _CERTAIN if _are_dates(levels, f)), None)
        if certain is not None:
            return named_dates(name, texts, certain), ""
        return None, _suggest(name, texts)
    if odd:
        return None, mostly_or_nothing(name, "dates", texts, odd, "text")
    zoned = {match["zone"] is not None for match in matches.values()}
    if len(zoned) > 1:
        return None, f"column {name!r} has dates with and without a time zone: read as categories"
    try:
        values = _parse(sorted(levels), None, zoned == {True})
    except ValueError:
        bad = next(text for text in sorted(levels) if not _is_date(text))
        return None, mostly(name, "dates", bad, "text")
    style = _iso_style([matches[text] for text in texts])
    return _on_calendar(style, values), ""


def _on_calendar(style, values):
    """A style of days, or of months or years where all days are their first or last."""
    if style.unit != "D" or len(values) < _FEWEST_MONTHS:
        return style
    tests = {"Y": "is_year_start", "M": "is_month_start", "ME": "is_month_end"}
    unit = next((unit for unit, test in tests.items() if getattr(values, test).all()), "D")
    return replace(style, unit=unit)


def _iso_style(matches):
    """The style that most dates of a column have."""
    (between, seconds), _ = Counter(
        (m["between"], bool(m["seconds"])) for m in matches
    ).most_common(1)[0]
    digits = max(len(m["fraction"] or "") for m in matches)
    if between is None:
        days = any(len(m[0]) > len("2000-01") for m in matches)
        pattern, unit = ("%Y-%m-%d", "D") if days else ("%Y-%m", "M")
        return DateStyle(pattern, unit, is_iso=True)
    zones = {m["zone"] for m in matches}
    zone = None if None in zones else (zones.pop() if len(zones) == 1 else "+00:00")
    pattern = f"%Y-%m-%d{between}%H:%M" + (":%S" if seconds or digits else "")
    unit = "s" if seconds or digits else "min"
    return DateStyle(pattern + (".%N" if digits else ""), unit, digits, zone=zone, is_iso=True)


def named_dates(name, texts, pattern):
    """The style of dates whose format the user has named.

    Raises
    ------
    TableError
        If a text is not such a date.
    """
    levels = sorted(set(texts))
    zoned = "%z" in pattern
    try:
        _parse(levels, pattern, zoned)
    except ValueError:
        bad = next((text for text in levels if not _is_date(text, pattern)), levels[0])
        raise TableError(
            f"column {name!r} holds {bad!r}, which is no date of the format {pattern!r}; name "
            f"another one with --dates or, if it means missing, add --missing-values={bad}"
        ) from None
    directives = set(re.findall(r"%(.)", pattern.replace("%%", "")))
    unit = next((unit for letters, unit in _UNITS if directives & set(letters)), None)
    unit = unit or ("M" if directives & set("mbB") else "Y")
    style = _on_calendar(DateStyle(pattern, unit, zone=None), _parse(levels, pattern, zoned))
    padded, bare = style, replace(style, padded=False)
    looked_at = levels[:1000]
    values = _parse(looked_at, pattern, zoned)

    def n_alike(style):
        return sum(style.format(v) == text for v, text in zip(values, looked_at, strict=True))

    return bare if n_alike(bare) > n_alike(padded) else padded


def _parse(texts, pattern, zoned):
    pandas = import_pandas()
    return pandas.to_datetime(texts, format=pattern or "ISO8601", utc=zoned)


def _is_date(text, pattern=None):
    try:
        _parse([text], pattern, False)
    except ValueError:
        return False
    return True


def _are_dates(texts, pattern):
    """Whether all texts are dates of a format; most that are not are told by the first ones."""
    texts = list(texts)
    try:
        for part in (texts[:3], texts):
            _parse(part, pattern, False)
    except ValueError:
        return False
    return True


def _suggest(name, texts):
    """Point to a format by which the texts would be dates."""
    levels = sorted(set(texts))
    if len(levels) < 2 or not re.search(r"[0-9].*[^0-9].*[0-9]", levels[0]):
        return ""
    fitting = [pattern for pattern in _SUGGESTED if _are_dates(levels, pattern)]
    if not fitting:
        return ""
    return (
        f"column {name!r} is text; if {levels[0]!r} is a date, add "
        f"--dates {name}={' or '.join(fitting)}"
    )


def _with_colon(zone):
    return zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
