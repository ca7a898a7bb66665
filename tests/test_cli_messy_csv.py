"""The page on messy CSV files: its commands make of its files what it shows."""

import pathlib
import re
import shlex

import pytest
from cli_helpers import run

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "messy_csv.rst"
BLOCK = re.compile(r"\.\. code-block:: (\w+)\n(?:   :caption: (.+)\n)?\n((?:   .*\n|\n)+)")


def blocks():
    """The page's blocks: language, caption or nothing, text."""
    for language, caption, indented in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        yield language, caption, "".join(f"{line[3:]}\n" for line in indented.rstrip().splitlines())


FILES = {caption: text for language, caption, text in blocks() if caption}
COMMANDS = [text for language, _, text in blocks() if language == "console"]
OUTPUTS = {
    *("complete.csv", "income_complete.csv", "prices.csv", "february_complete.csv"),
    "visits_complete.csv",
}


def shape(text):
    """What does not depend on the last digits of a machine's training: all but drawn figures."""
    return re.sub(r"(Köln|Ulm)", "L", re.sub(r"[0-9]+(?:\.[0-9]{3})*", "0", text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the page's inputs, after all its commands."""
    folder = tmp_path_factory.mktemp("page")
    for name, text in FILES.items():
        if name.endswith(".csv") and name not in {*OUTPUTS, "synthetic.csv"}:
            encoding = "cp1252" if name == "stock.csv" else "utf-8"
            (folder / name).write_bytes(text.encode(encoding))
    return folder


def test_the_page_is_what_the_command_does(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    said = []
    assert len(COMMANDS) == 6
    for text in COMMANDS:
        lines = text.splitlines()
        commands = [line for line in lines if line.startswith("$ skmissdiff ")]
        expected = [line for line in lines if not line.startswith("$ ")]
        for command in commands:
            args = shlex.split(command)[2:]
            # Enough training for a test.
            quick = [] if "--model" in args else ["--max-iter", "20"]
            status, err = run(capsys, *args, *quick)
            assert (status == 0) == (not expected), err
            said.append(err)
            if expected:
                assert err.splitlines() == expected
    assert said[0].startswith(FILES["standard error"])
    *_, last = FILES["standard error of --where"].splitlines()
    assert any(last in lines for lines in said)

    for name in {*OUTPUTS, "synthetic.csv"}:
        encoding = "cp1252" if "stock" in name or name in STOCK_LIKE else "utf-8"
        written = (folder / name).read_text(encoding=encoding)
        assert shape(written) == shape(FILES[name]), name
    for source, name in (("stock.csv", "complete.csv"), ("income.csv", "income_complete.csv")):
        check_observed_cells(FILES[source], (folder / name).read_text(encoding=CODECS[source]))


STOCK_LIKE = {"complete.csv", "prices.csv", "synthetic.csv"}
CODECS = {"stock.csv": "cp1252", "income.csv": "utf-8"}


def check_observed_cells(before, after):
    """Cells that were there are there."""
    mark = ";" if ";" in before else ","
    for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
        pairs = zip(old.split(mark), new.split(mark), strict=True)
        assert all(left in (right, "") for left, right in pairs)
        assert "" not in new.split(mark)
