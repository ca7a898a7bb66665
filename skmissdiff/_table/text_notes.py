"""What is said of text columns before they are learnt as categories."""

from skmissdiff._support.caller import warn
from skmissdiff._table.disguise import recognise
from skmissdiff._table.schema import Element

# A column of more values than these, of which more than this share differ, names its rows.
MOST_KEYS = 20
KEY_SHARE = 0.9
_N_NAMED = 3


def note_disguises(table, columns):
    """Warn of text columns of which nearly all values are numbers.

    Parameters
    ----------
    table : Table
    columns : sequence of int
        The text columns that nobody has declared to be categorical.

    Returns
    -------
    list of int
        Those that hold numbers.
    """
    found = []
    for j in columns:
        style = recognise(table.columns[j])
        if style is None:
            continue
        found.append(j)
        example = next(text for text in table.columns[j] if text and _is_number(style, text))
        label = table.schema.label(j)
        warn(
            f"{label[0].upper()}{label[1:]} holds text, but nearly all of it is numbers, such as "
            f"{example!r}. It is taken for categories, so that only numbers that occur can come "
            f"out, and none is nearer to one than to another. Convert it to numbers"
            f"{_recipe(table.schema, j, style)}. If it is to be categories, name it in "
            "categorical_features or give it a category dtype."
        )
    return found


def note_blanks(table):
    """Warn of categories that are the same but for blanks at their ends."""
    found = []
    for j, column in enumerate(table.schema.columns):
        if not column.is_categorical or column.element is not Element.TEXT:
            continue
        alike = {}
        for text in dict.fromkeys(table.columns[j]):
            if text is not None:
                alike.setdefault(text.strip(), []).append(text)
        split = [texts for texts in alike.values() if len(texts) > 1]
        if split:
            examples = "; ".join(" and ".join(map(repr, texts)) for texts in split[:_N_NAMED])
            more = "; ..." if len(split) > _N_NAMED else ""
            found.append(f"{table.schema.label(j)} ({examples}{more})")
    if found:
        warn(
            f"Found categories that differ only in blanks at their ends, in {', '.join(found)}. "
            "They are kept apart as they are. If they are the same, strip the blanks first, in "
            "pandas with .str.strip()."
        )


def keys_of(table, columns):
    """Return the text columns that tell the rows apart, such as names, notes and identifiers.

    Parameters
    ----------
    table : Table
    columns : sequence of int
        The text columns that nobody has declared to be categorical.

    Returns
    -------
    list of int
        None if no other column would be left to learn from.
    """
    found = []
    for j in columns:
        if tells_rows_apart(*_count_values(table, j)):
            found.append(j)
    n_observed = sum(column.n_observed > 0 for column in table.schema.columns)
    return found if len(found) < n_observed else []


def tells_rows_apart(n_values, n_distinct):
    """Whether a text column of so many values, and different ones, names its rows."""
    return n_values > MOST_KEYS and n_distinct > KEY_SHARE * n_values


def _count_values(table, j):
    """The number of values of a column, and of different ones."""
    if table.exact is not None and table.exact.is_counted[j]:
        return table.schema.columns[j].n_observed, len(table.exact.levels[j])
    # Where some were forgotten the sample has to tell.
    observed = table.columns[j][~table.missing[:, j]]
    return len(observed), len(set(observed))


def note_keys(table, columns):
    """Warn that these columns are left out of the model."""
    if columns:
        one = len(columns) == 1
        label = ", ".join(table.schema.label(j) for j in columns)
        warn(
            f"{label[0].upper()}{label[1:]} {'is' if one else 'are'} left out of the model: nearly "
            "every value of the text occurs once, as names, notes and identifiers do, so that "
            f"there is nothing to learn. {'It comes' if one else 'They come'} back as "
            f"{'it is' if one else 'they are'} in completed tables, with missing cells still "
            f"missing, and empty in generated ones. Drop {'it' if one else 'them'}, or name "
            f"{'it' if one else 'them'} in categorical_features to be learnt as categories."
        )


def _is_number(style, text):
    try:
        style.parse(text)
    except ValueError:
        return False
    return True


def _recipe(schema, j, style):
    """How to convert the column with pandas, if it is in a frame of that."""
    if schema.library != "pandas":
        return ""
    name = schema.columns[j].name
    steps = ""
    if style.positive != "{}":
        steps += ".str.replace(r'[^0-9.,-]', '', regex=True)"
    if style.thousands and (style.positive == "{}" or style.thousands in ".,"):
        steps += f".str.replace({style.thousands!r}, '', regex=False)"
    if style.decimal == "," and style.decimals[1]:
        steps += ".str.replace(',', '.', regex=False)"
    return f", such as by pd.to_numeric(X[{name!r}]{steps}, errors='coerce')"
