"""What is said of columns of which some cells are not like the others."""


def mostly(name, what, text, read_as="categories"):
    """That a column would be numbers, dates or times but for a text."""
    return (
        f"column {name!r} is mostly {what} and is read as {read_as} because it holds {text!r}; if "
        f"that means missing, add --missing-values={text}"
    )


def mostly_or_nothing(name, what, texts, odd, read_as="categories"):
    """Likewise, if more than half of the cells are none of the ``odd`` ones; else nothing."""
    unlike = set(odd)
    if 2 * sum(text not in unlike for text in texts) <= len(texts):
        return ""
    return mostly(name, what, odd[0], read_as)
