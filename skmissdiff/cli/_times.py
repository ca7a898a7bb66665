"""Times of day and durations in text files: 8:30, 23:59:59, 08:30 PM, 36:15 hours, 1:45.32.

They are told apart by the hours alone: a column that never reaches 24 holds times of day.
"""

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass

from skmissdiff._support.files import import_pandas
from skmissdiff.cli._remarks import mostly_or_nothing

_TIME = re.compile(
    r"(?P<first>[0-9]{1,6}):(?P<second>[0-5][0-9])(?::(?P<third>[0-5][0-9]))?"
    r"(?:(?P<point>[.,])(?P<fraction>[0-9]{1,6}))?(?P<half> ?[AaPp]\.?[Mm]\.?)?"
)
_US = {"h": 3600 * 10**6, "m": 60 * 10**6, "s": 10**6}
_DAY = 24 * _US["h"]


@dataclass(frozen=True)
class TimeStyle:
    """How a column writes its times.

    Attributes
    ----------
    is_daytime : bool
        Whether they are times of day rather than durations.
    has_seconds : bool
        Whether seconds stand behind the minutes.
    digits : int
        Digits of a second.
    point : str
        What stands before these.
    n_padded : int
        Digits that the first number has at least: 2 for 08:30.
    half : str
        How "AM" is written where hours count to 12, with the blank before it, or empty.
    has_hours : bool
        Whether hours are written.
    in_minutes : bool
        Whether two numbers are minutes and seconds, as in 1:45.32, rather than hours and minutes.
    """

    is_daytime: bool = True
    has_seconds: bool = False
    digits: int = 0
    point: str = "."
    n_padded: int = 2
    half: str = ""
    has_hours: bool = True
    in_minutes: bool = False

    def parse(self, text):
        """Read a time as a `datetime.time`, or as a pandas Timedelta where it is a duration.

        Raises
        ------
        ValueError
            If it is none.
        """
        match = _TIME.fullmatch(text.strip())
        if match is None or not _is_possible(match):
            raise ValueError(f"{text!r} is no time")
        count = _microseconds(match, self.in_minutes)
        if not self.is_daytime:
            return import_pandas().Timedelta(count, unit="us")
        if count >= _DAY:
            raise ValueError(f"{text!r} is no time of day")
        return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=count)).time()

    def format(self, value):
        """Write a time, rounded as the column rounds."""
        if isinstance(value, dt.time):
            midnight = dt.datetime.combine(dt.date(1970, 1, 1), dt.time())
            value = dt.datetime.combine(dt.date(1970, 1, 1), value) - midnight
        count = value // dt.timedelta(microseconds=1)
        sign, count = "-" if count < 0 else "", abs(count)
        step = 10 ** (6 - self.digits) if self.has_seconds else _US["m"]
        count = (count + step // 2) // step * step
        if self.is_daytime:
            count = min(count, _DAY - step)  # the day after has another date
        minutes, rest = divmod(count, _US["m"])
        seconds, fraction = divmod(rest, _US["s"])
        half = ""
        if self.has_hours:
            first, second = divmod(minutes, 60)
            if self.half:
                half = self.half if first < 12 else _afternoon(self.half)
                first = first % 12 or 12
            numbers = [f"{first:0{self.n_padded}d}", f"{second:02d}"]
        else:
            numbers = [f"{minutes:0{self.n_padded}d}"]
        if self.has_seconds:
            tail = f"{self.point}{fraction:06d}"[: self.digits + 1] if self.digits else ""
            numbers.append(f"{seconds:02d}{tail}")
        return f"{sign}{':'.join(numbers)}{half}"


def recognise_times(name, texts):
    """The style of times, and what should be said of texts that nearly are some.

    Parameters
    ----------
    name : str
        The column.
    texts : list of str
        Its observed cells.

    Returns
    -------
    style : TimeStyle or None
        None unless all cells are times of one kind.
    remark : str
    """
    matches = {text: _TIME.fullmatch(text) for text in set(texts)}
    odd = sorted(text for text, m in matches.items() if m is None or not _is_possible(m))
    if len(odd) == len(matches):
        return None, ""
    if odd:
        return None, mostly_or_nothing(name, "times", texts, odd)
    found = [matches[text] for text in texts]
    if len({m["half"] is not None for m in found}) > 1:
        return None, f"column {name!r} has times with and without AM or PM: read as categories"
    # No clock writes fractions of a minute: 1:45.32 is minutes and seconds, and so is 1:50 beside.
    in_minutes = any(m["third"] is None and m["fraction"] for m in found)
    has_hours = not in_minutes or any(m["third"] for m in found)
    counts = [_microseconds(m, in_minutes) for m in found]
    halves = Counter(_morning(m["half"]) for m in found if m["half"])
    digits = max(len(m["fraction"] or "") for m in found)
    has_seconds, _ = Counter(m["third"] is not None for m in found).most_common(1)[0]
    style = TimeStyle(
        is_daytime=not in_minutes and max(counts) < _DAY,
        has_seconds=has_seconds or in_minutes or digits > 0,
        digits=digits,
        point=next((m["point"] for m in found if m["point"]), "."),
        n_padded=1 if any(len(m["first"]) == 1 for m in found) else 2,
        half=halves.most_common(1)[0][0] if halves else "",
        has_hours=has_hours,
        in_minutes=in_minutes,
    )
    return style, ""


def _is_possible(match):
    """Whether the hours are some of a clock, where it counts to 12."""
    return match["half"] is None or int(match["first"]) <= 12


def _microseconds(match, in_minutes):
    first, second = int(match["first"]), int(match["second"])
    third, fraction = int(match["third"] or 0), int((match["fraction"] or "").ljust(6, "0"))
    if match["third"] is None and in_minutes:
        return first * _US["m"] + second * _US["s"] + fraction
    if match["half"] is not None:
        first = first % 12 + 12 * (match["half"].strip()[0] in "Pp")
    return first * _US["h"] + second * _US["m"] + third * _US["s"] + fraction


def _morning(half):
    return half.replace("P", "A").replace("p", "a")


def _afternoon(half):
    return half.replace("A", "P").replace("a", "p")
