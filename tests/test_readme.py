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
    assert rows.shape == (100, 4)
    # Enough rows to train on, with gaps, and one column of each kind.
    assert len(patients) >= 200
    assert patients.isna().any().all()
    assert [str(dtype) for dtype in patients.dtypes] == ["Int64", "category", "float64", "float64"]
    assert rows.notna().all(axis=None)
    assert names["of_sixty"]["age"].eq(60).all()
    assert names["like_mine"].shape == (50, 4)


def test_pictures_are_there_and_small():
    pictures = re.findall(r"image:: (.+\.png)", README.read_text())
    assert len(pictures) == 2
    for picture in pictures:
        assert 1000 < (README.parent / picture).stat().st_size < 150_000
