"""Types of the arguments: a text of the command line in, a value or one clear line out."""

import argparse
import csv
import math


def positive_int(text):
    value = int(text) if text.strip().lstrip("+").isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def whole_number(text):
    value = int(text) if text.strip().lstrip("+").isdecimal() else -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return value


def seed(text):
    value = int(text) if text.strip().isdecimal() else -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return value


def seconds(text):
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def share(text):
    value = _float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def share_or_zero(text):
    return 0.0 if _float(text) == 0 else share(text)


def _float(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def delimiter(text):
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character")
    return text


def thousands(text):
    if len(text) > 1 or text.isalnum() or text == "-":
        raise argparse.ArgumentTypeError(
            f"{text!r} does not stand between thousands; give . or , or ' ' or an apostrophe"
        )
    return text


def encoding(text):
    try:
        "".encode(text)  # the name of an encoding of text, not of one of bytes
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the name of an encoding, as utf-8, utf-16, latin-1 or cp1250 are"
        ) from None
    return text


def names(text):
    """Column names between commas; a name with a comma goes in quotation marks."""
    return next(csv.reader([text]), [])


def given(text):
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COL=VALUE")
    return name, value


def dates(text):
    name, equals, pattern = text.partition("=")
    if not (equals and name and "%" in pattern):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form COL=FORMAT, as visit=%d.%m.%Y is"
        )
    return name, pattern


def rule(text):
    """Which column is which is seen from their names."""
    column, colon, condition = text.partition(":")
    if not (colon and column and "=" in condition.lstrip("=")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form COL:OTHER=VALUE, as week:pregnant=yes is"
        )
    return text


def bounds(text):
    """What the ends mean depends on the column."""
    name, equals, ends = text.partition("=")
    if not (equals and name and ":" in ends):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COL=LOW:HIGH")
    return name, ends
