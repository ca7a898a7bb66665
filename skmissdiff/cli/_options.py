"""Options that several commands share."""

from skmissdiff.cli import _arguments as arguments


def add_table_options(command, output):
    """The files and how to read them; ``output`` says what OUT will be."""
    add = command.add_argument
    add(
        "input",
        metavar="IN",
        help="the table with missing cells: .csv, .tsv, .txt, each also with .gz, or .parquet",
    )
    add("-o", "--output", required=True, metavar="OUT", help=f"{output}; same endings")
    add("--overwrite", action="store_true", help="allow OUT to be IN")
    add("-q", "--quiet", action="store_true", help="no progress and no summary")
    group = command.add_argument_group("the table")
    add = group.add_argument
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
        help="the decimal mark of a text file's numbers (default: found, column by column)",
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
        "2024-12-31 and 2024-12-31T08:30 are found",
    )
    add("--ignore", **columns, help="columns to leave out of the model, such as row names")
    values = {"type": arguments.names, "action": "extend", "default": [], "metavar": "TEXT,.."}
    add("--missing-values", **values, help="more spellings of a missing CSV cell, such as ?")
    add("--no-na-spellings", action="store_true", help="take NA, None, null and so on for text")


def add_model_options(command, refreshes=False):
    """The model's settings; ``refreshes`` where the command generates rows."""
    group = command.add_argument_group("the model")
    add = group.add_argument
    add(
        "--seed",
        type=arguments.seed,
        metavar="S",
        help="makes the result repeatable; default: a new one",
    )
    add("--method", choices=["masked", "missdiff"], help="missdiff is the paper's, as printed")
    add("--n-steps", type=arguments.positive_int, metavar="N", help="diffusion steps")
    add("--max-iter", type=arguments.positive_int, metavar="N", help="at most so much training")
    add("--max-time", type=arguments.seconds, metavar="SECONDS", help="at most so long a training")
    bounds = {
        "type": arguments.bounds,
        "action": "append",
        "default": [],
        "metavar": "COL=LOW:HIGH",
    }
    add(
        "--bounds",
        **bounds,
        help="range of a column's new values; either end may be left out (default: the range of "
        "its observed values)",
    )
    add("--no-bounds", action="store_true", help="let new values leave the observed range")
    snap = {"type": arguments.names, "action": "extend", "default": [], "metavar": "COL,.."}
    add("--snap", **snap, help="columns whose new values are to be values seen in IN")
    if refreshes:
        add(
            "--n-refreshes",
            type=arguments.whole_number,
            metavar="N",
            help="draw the missing cells anew N times while training (default: 4); training takes "
            "three times as long as with 0, and it is worth it where cells are missing at random "
            "but not completely at random",
        )
