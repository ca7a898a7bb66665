"""The command: what it writes, what it says, and how it fails."""

import gzip
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import skmissdiff
from skmissdiff import cli

DATA = pathlib.Path(__file__).parents[1].parent / "shared" / "data"
QUICK = ["--max-iter", "5", "--n-steps", "4", "--seed", "0"]

# Every trait of a file that a careless writer loses: quotation marks, zeros at either end,
# spellings of a missing value, a blank inside a cell.
TABLE = """"id",code,height,"children",city,day
1,007,1.10,2,"Bonn",2024-01-01
2,012,,0,"Bad Ems, Lahn",2024-01-02
3,,1.85,NA,"Ulm",2024-01-03
4,007,1.7,1,,2024-01-04
5,012,1.60,3,"Ulm",
"""


class MedianEstimator:
    """Stands for either estimator where a test is not about what it learns."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def fit(self, frame):
        self.frame = frame
        return self

    def transform(self, frame, pick=0):
        filled = frame.copy()
        for name in filled:
            values = filled[name].array.copy()
            levels = filled[name].dropna().sort_values()
            values[filled[name].isna()] = levels.iloc[(len(levels) // 2 + pick) % len(levels)]
            filled[name] = values
        return filled

    def multiple_impute(self, frame, n_imputations, random_state):
        return [self.transform(frame, pick=draw) for draw in range(n_imputations)]

    def sample(self, n_samples, random_state):
        return self.transform(self.frame).iloc[np.arange(n_samples) % len(self.frame)]


@pytest.fixture
def median(monkeypatch):
    """Replace the estimators by medians."""
    # Set in the dictionary: asking the package for the real ones would import them.
    monkeypatch.setitem(vars(skmissdiff), "MissDiffImputer", MedianEstimator)
    monkeypatch.setitem(vars(skmissdiff), "MissDiffSampler", MedianEstimator)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(TABLE)
    return path


def _cells(path):
    """The raw cells of TABLE, or of a file like it, and where they are missing."""
    rows = [
        line.replace('"Bad Ems, Lahn"', '"Bad Ems"').split(",")
        for line in path.read_text().splitlines()
    ]
    return np.array(rows, dtype=object)


def _run(capsys, *args):
    """Exit status and standard error of the command."""
    try:
        status = cli.main([str(arg) for arg in args])
    except SystemExit as stop:  # argparse
        status = stop.code
    out, err = capsys.readouterr()
    assert out == ""
    return status, err


def _fails(capsys, *args):
    """Exit status and the only line of a failing command."""
    status, err = _run(capsys, *args)
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("skmissdiff: error: ")
    return status, lines[0]


@pytest.mark.usefixtures("median")
class TestImpute:
    def test_only_missing_cells_change(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        status, err = _run(capsys, "impute", table, "-o", out, "--ignore", "id,day")
        assert status == 0
        assert out.read_text().splitlines() == [
            '"id",code,height,"children",city,day',
            '1,007,1.10,2,"Bonn",2024-01-01',
            '2,012,1.7,0,"Bad Ems, Lahn",2024-01-02',
            '3,012,1.85,2,"Ulm",2024-01-03',
            '4,007,1.7,1,"Ulm",2024-01-04',
            '5,012,1.60,3,"Ulm",',
        ]
        assert "5 rows, 6 columns, 4 of 20 cells missing (20.0%), 3 rows incomplete" in err
        assert "carried through untouched: 'id', 'day'" in err
        assert f"wrote {out}" in err

    def test_gzip_line_ends_byte_order_mark_and_delimiter(self, table, tmp_path, capsys):
        text = "\ufeff" + TABLE.replace(",", ";").replace("\n", "\r\n")
        source, out = tmp_path / "in.csv.gz", tmp_path / "out.csv.gz"
        source.write_bytes(gzip.compress(text.encode()))
        options = ["--ignore", "id", "--delimiter", ";", "-q"]
        assert _run(capsys, "impute", source, "-o", out, *options) == (0, "")
        written = gzip.decompress(out.read_bytes()).decode()
        assert written.startswith('\ufeff"id";code;height;"children";city;day\r\n1;007;1.10;2;')
        assert written.count("\r\n") == written.count("\n") == 6
        assert ";;" not in written

    def test_draws_are_stacked(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        options = ["--draws", "3", "--ignore", "day", "-q"]
        assert _run(capsys, "impute", table, "-o", out, *options) == (0, "")
        lines = out.read_text().splitlines()
        assert lines[0] == '.imp,"id",code,height,"children",city,day'
        assert [line.split(",")[0] for line in lines[1:]] == [d for d in "123" for _ in range(5)]
        assert lines[1] == '1,1,007,1.10,2,"Bonn",2024-01-01'
        assert len({lines[3].removeprefix("1"), lines[8].removeprefix("2")}) == 2

    def test_nothing_missing(self, tmp_path, capsys):
        text = "a,b\n 1,x\n\n2,y"  # neither the blanks nor the missing line end is tidied up
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(text)
        status, err = _run(capsys, "impute", source, "-o", out)
        assert status == 0
        assert out.read_text() == text
        assert "nothing is missing" in err
        assert _run(capsys, "impute", source, "-o", out, "--draws", "2", "-q") == (0, "")
        assert out.read_text() == ".imp,a,b\n1, 1,x\n1,2,y\n2, 1,x\n2,2,y\n"

    def test_empty_and_unnamed_columns_stay(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(",a,b\nr1,1,\nr2,,NA\nr3,3,\n")
        status, err = _run(capsys, "impute", source, "-o", out)
        assert status == 0
        assert out.read_text() == ",a,b\nr1,1,\nr2,3,NA\nr3,3,\n"
        assert "without any value, left empty: 'b'" in err
        assert "column without a name" in err

    def test_missing_spellings(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text("a,b\n1,None\n?,x\n3,\n-9,None\n")
        options = ["--missing-values=?,-9", "--no-na-spellings"]
        assert _run(capsys, "impute", source, "-o", out, "-q", *options) == (0, "")
        assert out.read_text() == "a,b\n1,None\n3,x\n3,None\n3,None\n"

    def test_remarks(self, tmp_path, capsys):
        source = tmp_path / "in.csv"
        rows = "".join(f"name{row},{row if row % 9 else '?'}\n" for row in range(30))
        source.write_text("name,a\n,\n" + rows)
        _, err = _run(capsys, "impute", source, "-o", tmp_path / "out.csv")
        assert "skmissdiff: note: column 'name' has 30 levels in 30 cells" in err
        assert "skmissdiff: note: column 'a' is mostly numbers" in err
        source.write_text("a;b\n1;2\n3;4\n")
        _, err = _run(capsys, "impute", source, "-o", tmp_path / "out.csv")
        assert "is --delimiter right?" in err

    def test_options_reach_the_estimator(self, table, tmp_path, capsys, monkeypatch):
        made = []
        monkeypatch.setitem(
            vars(skmissdiff),
            "MissDiffImputer",
            lambda **given: made.append(given) or MedianEstimator(),
        )
        out = tmp_path / "out.csv"
        options = ["--bounds", "height=1:", "--snap", "height", "--categorical", "children"]
        options += ["--method", "missdiff", "--n-steps", "7", "--max-iter", "3", "--seed", "5"]
        options += ["--max-time", "1.5"]
        assert _run(capsys, "impute", table, "-o", out, *options)[0] == 0
        assert made == [
            {
                "bounds": {"id": "observed", "height": (1.0, np.inf)},
                "snap": ["height"],
                "method": "missdiff",
                "n_steps": 7,
                "max_iter": 3,
                "max_time": 1.5,
                "random_state": 5,
                "verbose": 0,
            }
        ]

    @pytest.mark.parametrize(
        ("options", "bounds"),
        [
            ([], dict.fromkeys(["id", "height", "children"], "observed")),
            (
                ["--ignore", "id", "--bounds", "id=:9"],
                dict.fromkeys(["height", "children"], "observed"),
            ),
            (["--no-bounds"], None),
            (["--no-bounds", "--bounds", "id=:9"], {"id": (-np.inf, 9.0)}),
        ],
    )
    def test_bounds(self, options, bounds, table, tmp_path, capsys, monkeypatch):
        made = []
        monkeypatch.setitem(
            vars(skmissdiff),
            "MissDiffImputer",
            lambda **given: made.append(given) or MedianEstimator(),
        )
        assert _run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q", *options) == (0, "")
        assert made[0].get("bounds") == bounds

    def test_input_is_replaced_only_if_asked(self, table, capsys):
        status, line = _fails(capsys, "impute", table, "-o", table)
        assert status == 2
        assert "--overwrite" in line
        assert table.read_text() == TABLE
        assert _run(capsys, "impute", table, "-o", table, "--overwrite", "-q") == (0, "")
        assert table.read_text() != TABLE

    def test_mode_and_link_of_the_output_are_kept(self, table, tmp_path, capsys):
        real, link, new = tmp_path / "real.csv", tmp_path / "link.csv", tmp_path / "new.csv"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to(real)
        for path in (link, new):
            assert _run(capsys, "impute", table, "-o", path, "-q") == (0, "")
        assert link.is_symlink()
        assert real.read_text() == new.read_text()
        assert real.stat().st_mode & 0o777 == 0o640
        assert new.stat().st_mode == table.stat().st_mode


@pytest.mark.usefixtures("median")
class TestParquet:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3, 2], dtype="Int32"),
            "real": pd.array([0.1, np.nan, 0.3, 0.2], dtype="float32"),
            "text": ["x", None, "y", "y"],
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "level": pd.Categorical(["lo", "hi", None, "hi"], ["lo", "mid", "hi"], ordered=True),
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04"]),
            "big": np.array([2**53 + 1, 2, 3, 4]),
        }
    )

    @pytest.fixture
    def source(self, tmp_path):
        path = tmp_path / "in.parquet"
        self.frame.to_parquet(path, index=False)
        return path

    def test_schema_and_observed_cells_stay(self, source, tmp_path, capsys):
        from pyarrow import parquet

        out = tmp_path / "out.parquet"
        status, err = _run(capsys, "impute", source, "-o", out, "--ignore", "day")
        assert (status, "5 of 24 cells missing" in err) == (0, True)
        assert parquet.read_schema(out).equals(parquet.read_schema(source))
        before, after = pd.read_parquet(source), pd.read_parquet(out)
        for name in before:
            seen = before[name].notna()
            pd.testing.assert_series_equal(before[name][seen], after[name][seen], check_dtype=False)
            assert after[name].notna().all() == (name != "day")

    def test_draws_samples_and_other_endings(self, source, tmp_path, capsys):
        out = tmp_path / "out.parquet"
        options = ["--ignore", "day", "-q"]
        assert _run(capsys, "impute", source, "-o", out, "--draws", 2, *options) == (0, "")
        drawn = pd.read_parquet(out)
        assert list(drawn) == [".imp", *self.frame]
        assert drawn[".imp"].tolist() == [1] * 4 + [2] * 4
        assert _run(capsys, "sample", source, "-n", 7, "-o", out, *options) == (0, "")
        assert pd.read_parquet(out).shape == (7, 6)
        text = tmp_path / "out.csv"
        assert _run(capsys, "impute", source, "-o", text, *options) == (0, "")
        assert text.read_text().splitlines()[0] == "whole,real,text,flag,level,day,big"
        assert _run(capsys, "impute", text, "-o", out, *options) == (0, "")
        assert pd.read_parquet(out)["whole"].tolist() == [1, 2, 3, 2]

    def test_numbers_as_categories(self, source, tmp_path, capsys):
        out = tmp_path / "out.parquet"
        options = ["--ignore", "day", "-q", "--categorical", "whole", "--categorical", "real"]
        assert _run(capsys, "impute", source, "-o", out, *options) == (0, "")
        pd.testing.assert_series_equal(
            pd.read_parquet(out)["real"],
            self.frame["real"].fillna(np.float32(0.2)),
        )
        status, line = _fails(capsys, "impute", source, "-o", out, "--numeric", "text")
        assert (status, "column 'text' is stored as" in line) == (2, True)

    def test_damaged_file(self, tmp_path, capsys):
        path = tmp_path / "in.parquet"
        path.write_bytes(b"PAR1 and no more")
        status, line = _fails(capsys, "impute", path, "-o", tmp_path / "out.csv")
        assert (status, "cannot be read as Parquet" in line) == (2, True)


@pytest.mark.usefixtures("median")
class TestSample:
    def test_rows_are_written_as_the_table_is(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        status, err = _run(capsys, "sample", table, "-n", 3, "-o", out, "--ignore", "id,day")
        assert status == 0
        assert out.read_text().splitlines() == [
            'code,height,"children",city',
            '007,1.1,2,"Bonn"',
            '012,1.7,0,"Bad Ems, Lahn"',
            '012,1.85,2,"Ulm"',
        ]
        assert "not generated: 'id', 'day'" in err

    def test_options_reach_the_sampler(self, table, tmp_path, capsys, monkeypatch):
        made = []
        monkeypatch.setitem(
            vars(skmissdiff),
            "MissDiffSampler",
            lambda **given: made.append(given) or MedianEstimator(),
        )
        options = ["-n", 2, "--n-refreshes", 6, "--seed", 5, "--no-bounds", "-q"]
        assert _run(capsys, "sample", table, "-o", tmp_path / "out.csv", *options) == (0, "")
        assert made == [{"n_refreshes": 6, "random_state": 5, "verbose": 0}]

    def test_number_of_rows_is_required(self, table, tmp_path, capsys):
        status, line = _fails(capsys, "sample", table, "-o", tmp_path / "out.csv")
        assert (status, "-n" in line) == (2, True)


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
            ("in.csv", "a\né\n".encode("latin-1"), "line 2 is not UTF-8"),
            ("in.csv", b"a,b\ninf,\n", "column 'a' holds 'inf'"),
            ("in.csv.gz", b"a,b\n1,\n", "not a whole gzip file"),
            ("in.csv.gz", gzip.compress(b"a,b\n1,\n")[:-9], "not a whole gzip file"),
            ("in.txt", b"a,b\n1,\n", "must end in .csv, .csv.gz, .parquet"),
        ],
    )
    def test_unusable_input(self, name, content, message, tmp_path, capsys):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        files = sorted(tmp_path.iterdir())
        status, line = _fails(capsys, "impute", path, "-o", tmp_path / "out.csv")
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
        status, line = _fails(capsys, "impute", table, "-o", tmp_path / "out.csv", *options)
        assert status == 2
        assert message in line
        assert list(tmp_path.iterdir()) == [table]

    @pytest.mark.parametrize(
        ("output", "message"),
        [
            ("no/such/folder/out.csv", "there is no folder"),
            ("in.csv/out.csv", "there is no folder"),
            ("folder.csv", "it is a folder"),
            ("out.xlsx", "must end in .csv, .csv.gz, .parquet"),
        ],
    )
    def test_unwritable_output(self, output, message, table, tmp_path, capsys):
        (tmp_path / "folder.csv").mkdir()
        status, line = _fails(capsys, "impute", table, "-o", tmp_path / output)
        assert status == 2
        assert message in line

    def test_draws_of_drawn_tables(self, tmp_path, capsys):
        path = tmp_path / "in.csv"
        path.write_text(".imp,a\n1,\n2,3\n")
        status, line = _fails(capsys, "impute", path, "-o", tmp_path / "out.csv", "--draws", 2)
        assert (status, "column '.imp'" in line) == (2, True)

    def test_pandas_is_missing(self, table, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        status, line = _fails(capsys, "impute", table, "-o", tmp_path / "out.csv")
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
        got, line = _fails(capsys, *args, "-q")
        assert (got, message in line) == (status, True)
        with pytest.raises(type(error)):
            cli.main([*map(str, args), "-q", "--traceback"])

    def test_interrupt_leaves_nothing(self, table, tmp_path, capsys, monkeypatch):
        def interrupt(*args):
            raise KeyboardInterrupt

        for place in ("skmissdiff._tables.CsvTable._cells", f"{__name__}.MedianEstimator.fit"):
            monkeypatch.setattr(place, interrupt)
            status, err = _run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q")
            assert (status, err) == (130, "skmissdiff: interrupted, nothing was written\n")
            assert list(tmp_path.iterdir()) == [table]

    def test_full_disk_leaves_the_old_output(self, table, tmp_path, capsys, monkeypatch):
        out = tmp_path / "out.csv"
        out.write_text("old")

        def fail(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", fail)
        status, line = _fails(capsys, "impute", table, "-o", out, "-q")
        assert (status, "No space left on device" in line) == (1, True)
        assert out.read_text() == "old"
        assert sorted(tmp_path.iterdir()) == [table, out]

    def test_warnings_take_a_line(self, table, tmp_path, capsys, monkeypatch):
        import warnings

        def warn(self, frame):
            warnings.warn("mind the\ngap", UserWarning, stacklevel=2)
            return self

        monkeypatch.setattr(MedianEstimator, "fit", warn)
        _, err = _run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q")
        assert err == "skmissdiff: warning: mind the gap\n"


def _command(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "skmissdiff", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_help_needs_neither_torch_nor_pandas():
    code = (
        "import sys; sys.modules.update(torch=None, pandas=None);"
        "from skmissdiff.cli import main; main(['impute', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--draws M" in done.stdout


def test_as_a_process(table, tmp_path):
    out = tmp_path / "out.csv"
    done = _command("impute", table, "-o", out, "--ignore", "id,day", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    before, after = _cells(table), _cells(out)
    missing = np.isin(before, ["", "NA"])
    missing[:, -1] = False
    assert (before[~missing] == after[~missing]).all()
    assert not np.isin(after[missing], ["", "NA"]).any()
    assert _command("impute", "absent.csv", "-o", out).returncode == 2
    assert _command("--version").stdout == f"skmissdiff {skmissdiff.__version__}\n"


def test_same_seed_same_file(table, tmp_path, capsys):
    one, two, other = (tmp_path / name for name in ("one.csv", "two.csv", "other.csv"))
    options = ["--draws", 3, "--ignore", "id,day", "-q", *QUICK[:-2]]
    for out, seed in ((one, 0), (two, 0), (other, 1)):
        assert _run(capsys, "impute", table, "-o", out, *options, "--seed", seed) == (0, "")
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_sampled_rows_are_complete(table, tmp_path, capsys):
    out = tmp_path / "out.csv"
    options = ["--ignore", "id,day", "-q", "--bounds", "height=1.5:1.9", *QUICK]
    assert _run(capsys, "sample", table, "-n", 40, "-o", out, *options) == (0, "")
    rows = pd.read_csv(out, dtype={"code": str})
    assert rows.shape == (40, 4)
    assert rows.notna().all(axis=None)
    assert set(rows["code"]) <= {"007", "012"}
    assert set(rows["city"]) <= {"Bonn", "Bad Ems, Lahn", "Ulm"}
    assert rows["height"].between(1.5, 1.9).all()
    assert rows["children"].dtype == int


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the repository")
@pytest.mark.parametrize("name", ["horse_colic", "titanic", "kidney", "boys"])
def test_real_tables(name, tmp_path, capsys):
    source, out = DATA / f"{name}.csv", tmp_path / "out.csv"
    assert _run(capsys, "impute", source, "-o", out, "-q", *QUICK) == (0, "")
    before = pd.read_csv(source, dtype=str, keep_default_na=False)
    after = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert list(before) == list(after)
    observed = before != ""
    assert observed.sum(axis=None) < observed.size
    assert (before == after)[observed].where(observed, True).all(axis=None)
    assert (after != "").all(axis=None)
    for column in before:
        filled = after[column][~observed[column]]
        numbers = pd.to_numeric(before[column][observed[column]], errors="coerce")
        if numbers.isna().any():
            assert set(filled) <= set(before[column])
        else:
            filled = filled.astype(float)
            assert np.isfinite(filled).all()
            if (numbers % 1 == 0).all():
                assert (filled % 1 == 0).all()


def test_demo_prints_a_table(capsys, monkeypatch):
    from skmissdiff import _demo

    monkeypatch.setattr(_demo, "TRAINING", {"max_iter": 5})
    assert cli.main(["demo"]) == 0
    out, _ = capsys.readouterr()
    for method in ("SimpleImputer", "KNNImputer", "IterativeImputer", "MissDiffImputer"):
        assert any(line.startswith(method) for line in out.splitlines())
    assert "generated rows" in out
