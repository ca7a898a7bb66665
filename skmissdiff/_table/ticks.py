"""Exact values as whole numbers: dates, durations and decimals as counts of a smallest part.

A library keeps a date as the number of days or nanoseconds since 1970, a decimal as the number of
its last digit's units. Such a whole number is a tick here; `Ticks` says what one tick is.
"""

import datetime as dt
import importlib
import re
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real

import numpy as np

NANOSECONDS = {
    "W": 7 * 24 * 3600 * 10**9,
    "D": 24 * 3600 * 10**9,
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}
DAY = NANOSECONDS["D"]
_EPOCH = dt.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=dt.UTC)
_LARGEST_INT64 = 2**63 - 1  # the number below its negative is NaT
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d\d):?(\d\d)")
_ZONED = re.compile(r"[T ].*(?:Z|[+-]\d\d(?::?\d\d)?)$")
_ISO = re.compile(r"[+-]?\d{4}.*")


@dataclass(frozen=True)
class Ticks:
    """What a whole number in the storage of a column stands for.

    Attributes
    ----------
    holds : str
        "integer", "decimal", "instant", "date", "duration", "daytime" or "period".
    unit : str
        Of time: a key of `NANOSECONDS`; of a period: its frequency; otherwise "".
    zone : str or None
        The time zone of instants, whose ticks are counted in UTC, None without one.
    scale : int
        Decimals of a decimal.
    precision : int or None
        Digits that a decimal dtype has room for.
    python : str or None
        The class of the values in a column of Python objects, None in a column with a dtype.
    """

    holds: str
    unit: str = ""
    zone: str | None = None
    scale: int = 0
    precision: int | None = None
    python: str | None = None

    @property
    def is_time(self):
        return self.holds in ("instant", "date", "duration", "daytime")

    @property
    def size(self):
        """A tick in natural units, as a Fraction: seconds of time, 1 of a number or a period."""
        if self.is_time:
            return Fraction(NANOSECONDS[self.unit], 10**9)
        return Fraction(1, 10**self.scale)

    @property
    def limits(self):
        """The lowest and the highest tick that there is room for."""
        low, high = -_LARGEST_INT64, _LARGEST_INT64
        if self.holds == "decimal":
            high = 10 ** (self.precision or 76) - 1
            return -high, high
        if self.holds == "daytime":
            return 0, DAY // NANOSECONDS[self.unit] - 1
        if self.holds in ("instant", "date"):
            # The years that Python has, in any zone; libraries hold others, and cannot show them.
            ends = (dt.datetime.min, dt.datetime.max)
            if self.zone is not None:
                ends = (dt.datetime(1, 1, 1, 16), dt.datetime(9999, 12, 31, 8))
            first, last = (nanoseconds(end) // NANOSECONDS[self.unit] for end in ends)
            low, high = max(low, first), min(high, last)
        if self.python == "timedelta":
            high = dt.timedelta.max // dt.timedelta(microseconds=1)
            return -high, high
        return low, high


INTEGER = Ticks("integer")


def zone_of(name):
    """Return the tzinfo of a zone's name, such as "Europe/Berlin" or "UTC+02:00"."""
    if name in ("UTC", "Z"):
        return dt.UTC
    if (match := _OFFSET.fullmatch(name)) is not None:
        sign, hours, minutes = match.groups()
        offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
        return dt.timezone(-offset if sign == "-" else offset)
    return zoneinfo.ZoneInfo(name)


def zone_name(zone):
    """Return the name by which `zone_of` finds a tzinfo again, None if it has none."""
    for attribute in ("key", "zone"):  # of zoneinfo and of pytz
        name = getattr(zone, attribute, None)
        if isinstance(name, str):
            return name
    if not isinstance(zone, dt.timezone):
        return None
    offset = zone.utcoffset(None)
    if not offset:
        return "UTC"
    minutes = abs(offset) // dt.timedelta(minutes=1)
    if abs(offset) != dt.timedelta(minutes=minutes):
        return None
    return f"{'-' if offset < dt.timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def shift_to_local(ticks, unit, zone):
    """Return instants as what a clock on the wall shows, in ticks of the unit.

    Parameters
    ----------
    ticks : ndarray of int64 or of Python ints
        Since 1970 in UTC.
    unit : str
    zone : str
    """
    return _shifted(ticks, unit, lambda at: zone_of(zone).utcoffset(at.astimezone(zone_of(zone))))


def shift_from_local(ticks, unit, zone):
    """Return what a clock on the wall shows as instants, in ticks of the unit.

    A time that is skipped, as clocks are put forward, is the same time after that; of one that
    comes twice it is the first.
    """
    tzinfo = zone_of(zone)
    return _shifted(ticks, unit, lambda at: -at.replace(tzinfo=tzinfo, fold=0).utcoffset())


def _shifted(ticks, unit, shift_at):
    """Ticks moved by what the function says of their instant, which it sees in whole seconds."""
    per_second = Fraction(10**9, NANOSECONDS[unit])
    distinct, place = np.unique(ticks, return_inverse=True)
    shifted = []
    lowest, highest = (int((end - _EPOCH).total_seconds()) for end in (
        dt.datetime(1, 1, 3),
        dt.datetime(9999, 12, 29),
    ))  # fmt: skip
    for tick in distinct.tolist():
        second = min(max(int(tick // per_second), lowest), highest)
        shift = shift_at(_UTC_EPOCH + dt.timedelta(seconds=second))
        shifted.append(tick + int(int(shift.total_seconds()) * per_second))
    out = np.empty(len(distinct), dtype=object)
    out[:] = shifted
    return (out if ticks.dtype == object else out.astype(np.int64))[place]


def nanoseconds(value, zone=None):
    """Return the exact nanoseconds of an instant since 1970, of a duration or of a time of day.

    Parameters
    ----------
    value : date, datetime, timedelta, time, or what NumPy or pandas have for them
    zone : str or None
        The zone in which an instant without one is meant.
    """
    if hasattr(value, "to_datetime64"):  # pandas, in UTC
        is_naive = value.tzinfo is None
        return _localized(_of_numpy(value.to_datetime64()), zone if is_naive else None)
    if hasattr(value, "to_timedelta64"):
        return _of_numpy(value.to_timedelta64())
    if isinstance(value, np.datetime64):
        return _localized(_of_numpy(value), zone)
    if isinstance(value, np.timedelta64):
        return _of_numpy(value)
    if isinstance(value, dt.timedelta):
        return value // dt.timedelta(microseconds=1) * 1000
    if isinstance(value, dt.time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return (seconds * 10**6 + value.microsecond) * 1000
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return nanoseconds(value - _UTC_EPOCH)
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    return _localized(nanoseconds(value - _EPOCH), zone)


def _localized(count, zone):
    if zone is None:
        return count
    return int(shift_from_local(np.array([count], dtype=object), "ns", zone)[0])


def _of_numpy(value):
    unit, count = np.datetime_data(value.dtype)
    if unit in ("Y", "M") and value.dtype.kind == "M":
        value, unit, count = value.astype("datetime64[D]"), "D", 1
    if unit not in NANOSECONDS:
        raise ValueError(f"{value!r} has no unit between a week and a nanosecond.")
    return int(value.astype(np.int64)) * count * NANOSECONDS[unit]


def exact_value(value, ticks):
    """Return what a value of a user stands for in a column, in natural units.

    Parameters
    ----------
    value : object
        A number, a date, a time or a duration of any library, a period, or ISO text.
    ticks : Ticks
        Of the column.

    Returns
    -------
    Fraction
        Seconds of time, a count of periods, or the number.

    Raises
    ------
    TypeError, ValueError
        If it is no value of such a column.
    """
    if isinstance(value, np.str_):
        value = str(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if ticks.holds == "period":
        return Fraction(_period_ordinal(value, ticks.unit))
    if not ticks.is_time:
        number = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)
        if not number or isinstance(value, np.timedelta64):
            raise TypeError(f"{value!r} is not a number")
        return Fraction(value if not isinstance(value, np.generic) else value.item())
    if isinstance(value, str):
        value = _from_text(value, ticks)
    if ticks.holds == "duration":
        expected = isinstance(value, dt.timedelta | np.timedelta64)
    elif ticks.holds == "daytime":
        expected = isinstance(value, dt.time)
    else:
        expected = isinstance(value, dt.date | np.datetime64)
    if not expected:
        raise TypeError(f"{value!r} is not a {WORDS[ticks.holds][1]}")
    if ticks.zone is None and getattr(value, "tzinfo", None) is not None:
        raise TypeError(f"{value!r} has a time zone, which the column does not have")
    return Fraction(nanoseconds(value, ticks.zone), 10**9)


# What columns hold, and what one value of them is.
WORDS = {
    "integer": ("numbers", "number"),
    "decimal": ("numbers", "number"),
    "instant": ("dates", "date"),
    "date": ("dates", "date"),
    "duration": ("durations", "duration, such as a datetime.timedelta"),
    "daytime": ("times of day", "time of day"),
    "period": ("periods", "period"),
}


def _from_text(text, ticks):
    """Return the date or the time of day that ISO text stands for."""
    if ticks.holds == "daytime":
        return dt.time.fromisoformat(text)
    if ticks.holds == "duration" or not _ISO.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a {WORDS[ticks.holds][1]}")
    if _ZONED.search(text.strip()):
        return dt.datetime.fromisoformat(text.strip())
    return np.datetime64(text.strip())  # to the nanosecond, and without a zone


def _period_ordinal(value, unit):
    if isinstance(value, Integral):
        raise TypeError(f"{value!r} is not a period")
    if isinstance(value, np.datetime64):
        return int(value.astype(f"datetime64[{unit}]").astype(np.int64))
    if isinstance(value, str) and unit in ("Y", "M"):
        return int(np.datetime64(value, unit).astype(np.int64))
    pd = importlib.import_module("pandas")
    if not isinstance(value, pd.Period):
        value = pd.Period(value, freq=unit)
    if value.freqstr != unit:
        raise ValueError(f"{value!r} is of frequency {value.freqstr}, not {unit}")
    return value.ordinal


def time_in_words(value):
    """Return a date, a time or a decimal of a user as its class and text, None for others.

    NumPy's have a dtype, by which they are kept.
    """
    name = type(value).__name__
    if name in ("Timestamp", "Timedelta", "datetime", "date", "time"):
        return [name, value.isoformat()]
    if name == "timedelta":
        return [name, value // dt.timedelta(microseconds=1)]
    if name == "Period":
        return [name, str(value), value.freqstr]
    return [name, str(value)] if name == "Decimal" else None


def time_from_words(name, *words):
    """Return what `time_in_words` was given."""
    if name in ("Timestamp", "Timedelta", "Period"):
        return getattr(importlib.import_module("pandas"), name)(*words)
    if name == "timedelta":
        return dt.timedelta(microseconds=words[0])
    if name == "Decimal":
        return Decimal(words[0])
    classes = {"datetime": dt.datetime, "date": dt.date, "time": dt.time}
    return classes[name].fromisoformat(words[0])


def ticks_of_objects(values):
    """Return the `Ticks` of a column of Python objects, None if they are of no such class.

    Parameters
    ----------
    values : sequence of object
        The observed ones.

    Raises
    ------
    ValueError
        For instants of several time zones.
    """
    classes = set(map(type, values))
    names = {cls.__name__ for cls in classes}
    if not classes:
        return None
    if all(issubclass(cls, Decimal | Integral) and cls is not bool for cls in classes):
        if not any(issubclass(cls, Decimal) for cls in classes):
            return None
        known = [v.as_tuple().exponent for v in values if isinstance(v, Decimal)]
        decimals = max((-e for e in known if isinstance(e, int)), default=0)
        return Ticks("decimal", scale=max(0, decimals), python="Decimal")
    if names == {"Period"}:
        units = {value.freqstr for value in values}
        return Ticks("period", units.pop(), python="Period") if len(units) == 1 else None
    if classes == {dt.date}:
        return Ticks("date", "D", python="date")
    if classes == {dt.time} and all(value.tzinfo is None for value in values):
        return Ticks("daytime", "us", python="time")
    for base, pandas_name, holds in (
        (dt.datetime, "Timestamp", "instant"),
        (dt.timedelta, "Timedelta", "duration"),
    ):
        if all(issubclass(cls, base) for cls in classes):
            is_pandas = pandas_name in names
            name = pandas_name if is_pandas else base.__name__
            zone = _common_zone(values) if holds == "instant" else None
            return Ticks(holds, "ns" if is_pandas else "us", zone, python=name)
    return None


def _common_zone(values):
    zones = {None if v.tzinfo is None else zone_name(v.tzinfo) or "?" for v in values}
    if len(zones) > 1 or "?" in zones:
        raise ValueError(
            "dates of several time zones, or of one without a name. Convert them with "
            "pandas.to_datetime(..., utc=True)"
        )
    return zones.pop()


def decimal_ticks(value, scale):
    """Return a decimal, or a whole number, as the count of its last digit's units."""
    numerator, denominator = value.as_integer_ratio()
    return numerator * 10**scale // denominator


def object_tick(value, ticks):
    """Return the tick of one Python object of a column."""
    if ticks.holds == "decimal":
        return decimal_ticks(value, ticks.scale)
    if ticks.holds == "period":
        return value.ordinal
    return nanoseconds(value) // NANOSECONDS[ticks.unit]


def tick_as_object(tick, ticks):
    """Return the Python object that a tick stands for.

    Parameters
    ----------
    tick : int
    ticks : Ticks
        Its ``python`` names the class; without it the one of the standard library is taken, or
        of pandas for periods.
    """
    if ticks.holds == "integer":
        return tick
    if ticks.holds == "decimal":
        digits = tuple(map(int, str(abs(tick))))
        return Decimal((int(tick < 0), digits, -ticks.scale))
    if ticks.holds == "period" or ticks.python in ("Timestamp", "Timedelta"):
        pd = importlib.import_module("pandas")
        if ticks.holds == "period":
            return pd.Period(ordinal=tick, freq=ticks.unit)
        if ticks.holds == "duration":
            return pd.Timedelta(tick, unit=ticks.unit)
        return pd.Timestamp(tick, unit=ticks.unit, tz=ticks.zone)
    count = dt.timedelta(microseconds=tick * NANOSECONDS[ticks.unit] // 1000)
    if ticks.holds == "duration":
        return count
    if ticks.holds == "daytime":
        return (_EPOCH + count).time()
    if ticks.holds == "date":
        return (_EPOCH + count).date()
    if ticks.zone is None:
        return _EPOCH + count
    return (_UTC_EPOCH + count).astimezone(zone_of(ticks.zone))
