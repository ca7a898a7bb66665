"""The README keeps its promises."""

import pathlib
import re

README = pathlib.Path(__file__).parents[1] / "README.rst"


def test_two_commands():
    lines = [line.strip() for line in README.read_text().splitlines()]
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert [command.rpartition(" ")[2] for command in commands] == ["demo", "pytest"]
    assert all("pip install -c constraints.txt" in command for command in commands)


def test_example_runs():
    blocks = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", README.read_text())
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        assert "random_state=0" in block
        block = block.replace("random_state=0", "random_state=0, max_iter=20")  # enough for a test
        exec("\n".join(line[4:] for line in block.splitlines()), names)
    patients, completed, rows = names["patients"], names["completed"], names["rows"]
    assert completed.notna().all(axis=None)
    assert (completed.dtypes == patients.dtypes).all()
    assert len(names["tables"]) == 5
    assert rows.shape == (100, 3)
    assert rows.notna().all(axis=None)
    assert names["smokers"]["smoker"].eq("yes").all()
    assert names["like_mine"].shape == (50, 3)
