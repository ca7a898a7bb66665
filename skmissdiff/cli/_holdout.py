"""What the report of generated rows takes: rows held out of the training, and a place."""

import numpy as np

from skmissdiff._support.files import TableError, check_writable
from skmissdiff.report._plots import import_matplotlib


def check_report(path, table):
    """Check what the report takes, before the long work."""
    if not path.lower().endswith((".html", ".htm")):
        raise TableError(f"{path}: the name of the report must end in .html")
    if table.n_rows < 2:
        raise TableError(f"{table.path}: a report takes at least 2 rows")
    try:
        import_matplotlib()
    except ImportError as error:
        raise TableError(f"the report's {error}") from None
    check_writable(path)


def split(table, share, seed):
    """The rows to train on, and those held out for the report, None without a share."""
    if share is None:
        return table.frame, None
    n_held_out = round(share * table.n_rows)
    if n_held_out < 2 or table.n_rows - n_held_out < 2:
        raise TableError(
            f"{table.path}: --holdout {share:g} of {table.n_rows} rows leaves {n_held_out} to hold "
            f"out and {table.n_rows - n_held_out} to learn from; each takes at least 2"
        )
    held_out = np.zeros(table.n_rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(table.n_rows)[:n_held_out]] = True
    train = table.frame[~held_out]
    for name in train:
        if train[name].isna().all():
            raise TableError(
                f"{table.path}: every value of column {name!r} is in the rows held out; lower "
                "--holdout, change --seed or --ignore the column"
            )
    return train, table.frame[held_out]
