"""The command: how it fails, in one line and without a trace."""

import gzip
import sys
import warnings

import pytest
from cli_helpers import MedianEstimator, fails, run

from skmissdiff.cli import _main as cli


@pytest.mark.usefixtures("median")
class TestErrors:
    """Every one is a single line, and leaves no file behind."""

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("absent.csv", None, "there is no such file"),
            ("absent.parquet", None, "there is no such file"),
            ("in.csv", b"", "the file is empty"),
            ("in.csv", b"a,b\n", "a header and no rows"),
            ("in.csv", b"a,b\n1,2\n1\n", "line 3 has 1 cells where the header has 2"),
            ("in.csv", b"a,b\n,\nNA,null\n", "every cell is missing"),
            ("in.csv", b"a,a\n1,\n", "two columns are named 'a'"),
            ("in.csv", b"a,b\ninf,\n", "column 'a' holds 'inf'"),
            ("in.csv.gz", b"a,b\n1,\n", "not a whole gzip file"),
            ("in.csv.gz", gzip.compress(b"a,b\n1,\n", mtime=0)[:-9], "not a whole gzip file"),
            ("in.xlsx", b"a,b\n1,\n", "(each also with .gz) or .parquet"),
        ],
    )
    def test_unusable_input(self, name, content, message, tmp_path, capsys):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        files = sorted(tmp_path.iterdir())
        status, line = fails(capsys, "impute", path, "-o", tmp_path / "out.csv")
        assert status == 2
        assert message in line
        assert sorted(tmp_path.iterdir()) == files

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--categorical", "nil"], "there is no column 'nil'; there are id, code, height"),
            (["--ignore", "id,nil"], "there is no column 'nil'"),
            (["--bounds", "nil=0:1"], "there is no column 'nil'"),
            (["--snap", "nil"], "there is no column 'nil'"),
            (["--bounds", "height=2:1"], "the lower end is above the upper one"),
            (["--bounds", "height"], "not of the form COL=LOW:HIGH"),
            (["--bounds", "height=a:1"], "'a' is not a number"),
            (["--numeric", "city"], "column 'city' holds 'Bad Ems, Lahn', which is not a number"),
            (["--ignore", "id,code,height,children,city,day"], "every column is ignored"),
            (["--draws", "0"], "'0' is not a whole number above 0"),
            (["--seed", "-1"], "'-1' is not a whole number from 0"),
            (["--max-time", "-1"], "'-1' is not a number of seconds"),
            (["--delimiter", ",,"], "is not one character"),
            (["--method", "magic"], "invalid choice: 'magic'"),
            (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        ],
    )
    def test_wrong_options(self, options, message, table, tmp_path, capsys):
        status, line = fails(capsys, "impute", table, "-o", tmp_path / "out.csv", *options)
        assert status == 2
        assert message in line
        assert list(tmp_path.iterdir()) == [table]

    @pytest.mark.parametrize(
        ("output", "message"),
        [
            ("no/such/folder/out.csv", "there is no folder"),
            ("in.csv/out.csv", "there is no folder"),
            ("folder.csv", "it is a folder"),
            ("out.xlsx", "(each also with .gz) or .parquet"),
        ],
    )
    def test_unwritable_output(self, output, message, table, tmp_path, capsys):
        (tmp_path / "folder.csv").mkdir()
        status, line = fails(capsys, "impute", table, "-o", tmp_path / output)
        assert status == 2
        assert message in line

    def test_draws_of_drawn_tables(self, tmp_path, capsys):
        path = tmp_path / "in.csv"
        path.write_text(".imp,a\n1,\n2,3\n")
        status, line = fails(capsys, "impute", path, "-o", tmp_path / "out.csv", "--draws", 2)
        assert (status, "column '.imp'" in line) == (2, True)

    def test_pandas_is_missing(self, table, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        status, line = fails(capsys, "impute", table, "-o", tmp_path / "out.csv")
        assert (status, 'pip install "skmissdiff[cli]"' in line) == (2, True)

    @pytest.mark.parametrize(
        ("error", "status", "message"),
        [
            (ValueError("two\n  lines"), 2, "error: two lines"),
            (RuntimeError("out of luck"), 1, "error: RuntimeError: out of luck"),
            (MemoryError(), 1, "error: MemoryError: MemoryError"),
        ],
    )
    def test_failure_while_running(
        self, error, status, message, table, tmp_path, capsys, monkeypatch
    ):
        def fail(self, frame):
            raise error

        monkeypatch.setattr(MedianEstimator, "fit", fail)
        args = ["impute", table, "-o", tmp_path / "out.csv"]
        got, line = fails(capsys, *args, "-q")
        assert (got, message in line) == (status, True)
        with pytest.raises(type(error)):
            cli.main([*map(str, args), "-q", "--traceback"])

    def test_interrupt_leaves_nothing(self, table, tmp_path, capsys, monkeypatch):
        def interrupt(*args):
            raise KeyboardInterrupt

        for place in (
            "skmissdiff.cli._csv_table.CsvTable._cells",
            "cli_helpers.MedianEstimator.fit",
        ):
            monkeypatch.setattr(place, interrupt)
            status, err = run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q")
            assert (status, err) == (130, "skmissdiff: interrupted, nothing was written\n")
            assert list(tmp_path.iterdir()) == [table]

    def test_full_disk_leaves_the_old_output(self, table, tmp_path, capsys, monkeypatch):
        out = tmp_path / "out.csv"
        out.write_text("old")

        def fail(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", fail)
        status, line = fails(capsys, "impute", table, "-o", out, "-q")
        assert (status, "No space left on device" in line) == (1, True)
        assert out.read_text() == "old"
        assert sorted(tmp_path.iterdir()) == [table, out]

    def test_warnings_take_a_line(self, table, tmp_path, capsys, monkeypatch):
        def warn(self, frame):
            warnings.warn("mind the\ngap", UserWarning, stacklevel=2)
            return self

        monkeypatch.setattr(MedianEstimator, "fit", warn)
        _, err = run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q")
        assert err == "skmissdiff: warning: mind the gap\n"
