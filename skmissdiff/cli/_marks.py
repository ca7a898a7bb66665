"""Which decimal mark a file has, by those of its columns that leave no doubt.

Alone, 1.234 may be a number above one or above a thousand; beside a column of 65,5 it is not.
"""

from skmissdiff._table.disguise import recognise
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._numbers import Marks


def settle_marks(columns, raw, reading, delimiter):
    """Read columns anew that can be read in two ways, if the rest of the file says which.

    Parameters
    ----------
    columns : dict of str to CsvColumn
        As read one by one; replaced where they are read otherwise.
    raw : dict of str to list of str
        The raw cells.
    reading : Reading
    delimiter : str
        A semicolon is a hint: it leaves the comma to the numbers.
    """
    if reading.decimal is not None or reading.thousands is not None:
        return
    unsettled, votes = [], set()
    for name, column in columns.items():
        if column.kind == "category" and not column.remark:
            unsettled.append(name)  # too few different values to tell numbers from codes
        if column.kind != "number":
            continue
        style = column.style.numbers
        if style is None and column.style.decimals == (0, 0):
            continue
        if style is None:
            # Decimal points; could they be those between thousands?
            if recognise(column.observed(), decimal=",", fewest_values=1) is None:
                votes.add(".")
            else:
                unsettled.append(name)
        elif style.is_ambiguous:
            unsettled.append(name)
        elif style.thousands in (".", ","):
            votes.add("," if style.thousands == "." else ".")
        elif style.decimals[1]:
            votes.add(style.decimal)
    if not votes and delimiter == ";":
        unsettled = [
            name
            for name in unsettled
            if columns[name].kind == "number" and columns[name].style.numbers
        ]
        votes = {","}
    if len(votes) != 1:
        return
    marks = Marks(decimal=votes.pop(), are_given=False)
    for name in unsettled:
        columns[name] = parse_column(name, raw[name], reading, marks)


def describe_styles(columns):
    """What was recognised, for the summary: numbers in disguise, dates and times by column."""
    numbers, dates, times, durations = [], [], [], []
    for name, column in columns.items():
        if not column.observed():
            continue  # known to a model alone
        if column.kind == "date":
            dates.append(f"{name!r} ({column.style.dates.pattern})")
        elif column.style.times is not None:
            found = times if column.kind == "time" else durations
            found.append(f"{name!r} ({column.observed()[0]})")
        elif column.kind == "number" and column.style.numbers:
            example = max(column.observed(), key=len)
            numbers.append(f"{name!r} ({example!r} is {column.style.read_number(example):.15g})")
    lines = [("numbers", numbers), ("dates", dates)]
    lines += [("times of day", times), ("durations", durations)]
    return [f"read as {kind}: {', '.join(found)}" for kind, found in lines if found]
