"""Options that several commands share."""

from skmissdiff.cli import _arguments as arguments

# What --model has settled already, by the options' names in the parsed arguments.
TRAINING_OPTIONS = (
    "method",
    "max_iter",
    "max_time",
    "bounds",
    "no_bounds",
    "snap",
    "relations",
    "n_refreshes",
)
KIND_OPTIONS = ("categorical", "numeric")
READING_OPTIONS = (
    *("delimiter", "encoding", "decimal", "thousands", "dates", "ignore", "missing_values"),
    *("no_na_spellings", "overwrite"),
)
_ENDINGS = ".csv, .tsv, .txt, each also with .gz, or .parquet"


def add_input(command, is_optional=False, many=False, several=False):
    """The table to read; ``several`` where there may be more than one argument."""
    times = {"nargs": "?"} if is_optional else {"nargs": "+"} if several else {}
    also = "; none with --model" if is_optional else ""
    also += "; or a folder or a pattern of Parquet files" if many else ""
    also += "; or several, a folder or a pattern, with a --model" if several else ""
    command.add_argument(
        "input", metavar="IN", **times, help=f"the table with missing cells: {_ENDINGS}{also}"
    )


def add_output(command, output):
    """The file to write, which ``output`` tells about."""
    add = command.add_argument
    add("-o", "--output", required=True, metavar="OUT", help=output)
    add("-q", "--quiet", action="store_true", help="no progress and no summary")


def add_table_options(command, output, is_optional=False, several=False):
    """The tables that are read and written; ``output`` says what OUT will be."""
    add_input(command, is_optional, several=several)
    add_output(command, f"{output}; same endings, or a folder, OUT/, with a --model")
    anew = ", or a folder of another run to be written anew"
    command.add_argument("--overwrite", action="store_true", help=f"allow OUT to be IN{anew}")
    add_reading_options(command)


def add_reading_options(command):
    """How to read a table."""
    add = command.add_argument_group("the table").add_argument
    add(
        "--delimiter",
        type=arguments.delimiter,
        metavar="CHAR",
        help="of the cells of a text file (default: the one of comma, semicolon, tab and | that "
        "splits its lines evenly)",
    )
    add(
        "--encoding",
        type=arguments.encoding,
        metavar="NAME",
        help="of a text file, such as utf-8, utf-16, latin-1 or cp1250 (default: told by a byte "
        "order mark, else UTF-8, or cp1252 if it cannot be that); OUT has the same",
    )
    add(
        "--decimal",
        choices=[".", ","],
        metavar="MARK",
        help="'.' or ',': the decimal mark of a text file's numbers (default: found, by column)",
    )
    add(
        "--thousands",
        type=arguments.thousands,
        metavar="CHAR",
        help="what stands between their thousands, such as . or ' ' (default: found)",
    )
    columns = {"type": arguments.names, "action": "extend", "default": [], "metavar": "COL,.."}
    add("--categorical", **columns, help="columns of numbers that stand for categories")
    add("--numeric", **columns, help="columns of numbers with leading zeros or many digits")
    add(
        "--dates",
        type=arguments.dates,
        action="append",
        default=[],
        metavar="COL=FORMAT",
        help="how a column of a text file writes its dates, such as visit=%%d.%%m.%%Y; dates like "
        "2024-12-31, 2024-12-31T08:30, 2024/12/31 and 31-Dec-2024 are found",
    )
    add("--ignore", **columns, help="columns to leave out of the model, such as row names")
    values = {"type": arguments.names, "action": "extend", "default": [], "metavar": "TEXT,.."}
    add("--missing-values", **values, help="more spellings of a missing CSV cell, such as ?")
    add("--no-na-spellings", action="store_true", help="take NA, None, null and so on for text")


def add_model_options(command, takes_saved=False):
    """The model and its draws; ``takes_saved`` where it may be a saved one."""
    add = command.add_argument_group("the model").add_argument
    if takes_saved:
        add(
            "--model",
            metavar="FILE.npz",
            help="use this model, of 'skmissdiff fit' or saved in Python, and train none",
        )
    add(
        "--seed",
        type=arguments.seed,
        metavar="S",
        help="makes the result repeatable; default: a new one",
    )
    add("--n-steps", type=arguments.positive_int, metavar="N", help="diffusion steps of a draw")


def add_training_options(command, refreshes=None):
    """How to train; ``refreshes`` begins what is said of the option of generated rows, if any."""
    add = command.add_argument_group("the training").add_argument
    add("--method", choices=["masked", "missdiff"], help="missdiff is the paper's, as printed")
    add(
        "--max-iter",
        type=arguments.whole_number,
        metavar="N",
        help="at most so much training; 0 leaves the linear start of the model",
    )
    add("--max-time", type=arguments.seconds, metavar="SECONDS", help="at most so long a training")
    add(
        "--bounds",
        type=arguments.bounds,
        action="append",
        default=[],
        metavar="COL=LOW:HIGH",
        help="range of a column's new values; either end may be left out (default: the range of "
        "its observed values)",
    )
    add("--no-bounds", action="store_true", help="let new values leave the observed range")
    snap = {"type": arguments.names, "action": "extend", "default": [], "metavar": "COL,.."}
    add("--snap", **snap, help="columns whose new values are to be values seen in IN")
    add(
        "--relations",
        choices=["found"],
        help="found: keep what holds in every row of IN, such as a start before its end, parts "
        "that add up, and combinations of categories; OUT breaks none of it, and standard error "
        "lists it",
    )
    if refreshes is not None:
        add(
            "--n-refreshes",
            type=arguments.whole_number,
            metavar="N",
            help=f"{refreshes}draw the missing cells anew N times while training (default: 4); "
            "training takes three times as long as with 0, and it is worth it where cells are "
            "missing at random but not completely at random",
        )
