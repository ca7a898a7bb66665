"""The command: what it writes, and what it says."""

import gzip
import pathlib
import subprocess
import sys
import weakref

import numpy as np
import pandas as pd
import pytest
from cli_helpers import TABLE, MedianEstimator, fails, run

import skmissdiff
from skmissdiff.cli import _command_sample
from skmissdiff.cli import _main as cli

DATA = pathlib.Path(__file__).parents[1].parent / "shared" / "data"
QUICK = ["--max-iter", "0", "--n-steps", "4", "--seed", "0"]


def _cells(path):
    """The raw cells of TABLE, or of a file like it, and where they are missing."""
    rows = [
        line.replace('"Bad Ems, Lahn"', '"Bad Ems"').split(",")
        for line in path.read_text().splitlines()
    ]
    return np.array(rows, dtype=object)


@pytest.mark.usefixtures("median")
class TestImpute:
    def test_only_missing_cells_change(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        status, err = run(capsys, "impute", table, "-o", out, "--ignore", "id,day")
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
        assert run(capsys, "impute", source, "-o", out, *options) == (0, "")
        written = gzip.decompress(out.read_bytes()).decode()
        assert written.startswith('\ufeff"id";code;height;"children";city;day\r\n1;007;1.10;2;')
        assert written.count("\r\n") == written.count("\n") == 6
        assert ";;" not in written

    def test_draws_are_stacked(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        options = ["--draws", "3", "--ignore", "day", "-q"]
        assert run(capsys, "impute", table, "-o", out, *options) == (0, "")
        lines = out.read_text().splitlines()
        assert lines[0] == '.imp,"id",code,height,"children",city,day'
        assert [line.split(",")[0] for line in lines[1:]] == [d for d in "123" for _ in range(5)]
        assert lines[1] == '1,1,007,1.10,2,"Bonn",2024-01-01'
        assert len({lines[3].removeprefix("1"), lines[8].removeprefix("2")}) == 2

    def test_nothing_missing(self, tmp_path, capsys):
        text = "a,b\n 1,x\n\n2,y"  # neither the blanks nor the missing line end is tidied up
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(text)
        status, err = run(capsys, "impute", source, "-o", out)
        assert status == 0
        assert out.read_text() == text
        assert "nothing is missing" in err
        assert run(capsys, "impute", source, "-o", out, "--draws", "2", "-q") == (0, "")
        assert out.read_text() == ".imp,a,b\n1, 1,x\n1,2,y\n2, 1,x\n2,2,y\n"

    def test_empty_and_unnamed_columns_stay(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(",a,b\nr1,1,\nr2,,NA\nr3,3,\n")
        status, err = run(capsys, "impute", source, "-o", out)
        assert status == 0
        assert out.read_text() == ",a,b\nr1,1,\nr2,3,NA\nr3,3,\n"
        assert "without any value, left empty: 'b'" in err
        assert "column without a name" in err

    def test_missing_spellings(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text("a,b\n1,None\n?,x\n3,\n-9,None\n")
        options = ["--missing-values=?,-9", "--no-na-spellings"]
        assert run(capsys, "impute", source, "-o", out, "-q", *options) == (0, "")
        assert out.read_text() == "a,b\n1,None\n3,x\n3,None\n3,None\n"

    def test_remarks(self, tmp_path, capsys):
        source = tmp_path / "in.csv"
        rows = "".join(f"name{row},{row if row % 9 else '?'}\n" for row in range(30))
        source.write_text("name,a\n,\n" + rows)
        _, err = run(capsys, "impute", source, "-o", tmp_path / "out.csv")
        assert "skmissdiff: note: column 'name' has 30 levels in 30 cells" in err
        assert "carried through untouched: 'name'" in err
        assert "skmissdiff: note: column 'a' is mostly numbers" in err

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
        assert run(capsys, "impute", table, "-o", out, *options)[0] == 0
        assert made == [
            {
                "bounds": {"id": "observed", "height": (1.0, np.inf), "day": "observed"},
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
            ([], "observed"),
            (
                ["--ignore", "id", "--bounds", "id=:9"],
                dict.fromkeys(["height", "children", "day"], "observed"),
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
        assert run(capsys, "impute", table, "-o", tmp_path / "out.csv", "-q", *options) == (0, "")
        assert made[0].get("bounds") == bounds

    def test_input_is_replaced_only_if_asked(self, table, capsys):
        status, line = fails(capsys, "impute", table, "-o", table)
        assert status == 2
        assert "--overwrite" in line
        assert table.read_text() == TABLE
        assert run(capsys, "impute", table, "-o", table, "--overwrite", "-q") == (0, "")
        assert table.read_text() != TABLE

    def test_mode_and_link_of_the_output_are_kept(self, table, tmp_path, capsys):
        real, link, new = tmp_path / "real.csv", tmp_path / "link.csv", tmp_path / "new.csv"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to(real)
        for path in (link, new):
            assert run(capsys, "impute", table, "-o", path, "-q") == (0, "")
        assert link.is_symlink()
        assert real.read_text() == new.read_text()
        assert real.stat().st_mode & 0o777 == 0o640
        assert new.stat().st_mode == table.stat().st_mode


@pytest.mark.usefixtures("median")
class TestSample:
    def test_rows_are_written_as_the_table_is(self, table, tmp_path, capsys):
        out = tmp_path / "out.csv"
        status, err = run(capsys, "sample", table, "-n", 3, "-o", out, "--ignore", "id,day")
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
        assert run(capsys, "sample", table, "-o", tmp_path / "out.csv", *options) == (0, "")
        assert made == [{"n_refreshes": 6, "bounds": None, "random_state": 5, "verbose": 0}]

    def test_number_of_rows_is_required(self, table, tmp_path, capsys):
        status, line = fails(capsys, "sample", table, "-o", tmp_path / "out.csv")
        assert (status, "-n" in line) == (2, True)


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
        assert run(capsys, "impute", table, "-o", out, *options, "--seed", seed) == (0, "")
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_sampled_rows_are_complete(table, tmp_path, capsys):
    out = tmp_path / "out.csv"
    options = ["--ignore", "id,day", "-q", "--bounds", "height=1.5:1.9", *QUICK]
    assert run(capsys, "sample", table, "-n", 40, "-o", out, *options) == (0, "")
    rows = pd.read_csv(out, dtype={"code": str})
    assert rows.shape == (40, 4)
    assert rows.notna().all(axis=None)
    assert set(rows["code"]) <= {"007", "012"}
    assert set(rows["city"]) <= {"Bonn", "Bad Ems, Lahn", "Ulm"}
    assert rows["height"].between(1.5, 1.9).all()
    assert rows["children"].dtype == int


def test_sampled_rows_have_what_is_given(table, tmp_path, capsys):
    out = tmp_path / "out.csv"
    given = ["--given", "code=012", "--given", "children=2", "--given", "height=1.9"]
    options = ["--ignore", "id,day", "-q", *given, *QUICK]
    assert run(capsys, "sample", table, "-n", 3, "-o", out, *options) == (0, "")
    lines = out.read_text().splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [["012", "1.9", "2"]] * 3


@pytest.mark.usefixtures("median")
def test_a_column_cannot_be_given_twice(table, tmp_path, capsys):
    given = ["--given", "code=007", "--given", "code=012"]
    options = ["--ignore", "id,day", *given]
    status, line = fails(capsys, "sample", table, "-n", 3, "-o", tmp_path / "out.csv", *options)
    assert (status, "--given names column 'code' twice" in line) == (2, True), line


def test_the_missing_cells_need_not_be_drawn_anew(table, tmp_path, capsys):
    out = tmp_path / "out.csv"
    options = ["--ignore", "id,day", "-q", "--n-refreshes", 0, *QUICK]
    assert run(capsys, "sample", table, "-n", 3, "-o", out, *options) == (0, "")
    status, line = fails(capsys, "sample", table, "-n", 3, "-o", out, "--n-refreshes", "-1")
    assert (status, "'-1' is not a whole number from 0" in line) == (2, True), line


def test_sampled_rows_keep_the_gaps(table, tmp_path, capsys):
    out = tmp_path / "out.csv"
    options = ["--ignore", "id,day", "--keep-missing", *QUICK]
    status, err = run(capsys, "sample", table, "-n", 200, "-o", out, *options)
    assert status == 0
    assert "generated 200" in err
    cells = pd.read_csv(out, dtype=str, keep_default_na=False)
    for name, spelling in {"code": "", "height": "", "children": "NA", "city": ""}.items():
        assert 5 < (cells[name] == spelling).sum() < 100, name


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("age=3", "there is no column 'age'"),
        ("code=7", "column 'code' has no level '7'; there are 007, 012"),
        ("height=tall", "column 'height' holds numbers, not 'tall'"),
        ("height=1e999", "column 'height' holds numbers, not '1e999'"),
        ("height=+-1", "column 'height' holds numbers, not '+-1'"),
        ("height=9007199254740993", "given sets column 'height' to 9007199254740993"),
        ("children=9007199254740993", "given sets column 'children' to 9007199254740993"),
        ("children=1.5", "column 'children' holds whole numbers, not '1.5'"),
        ("id=1", "column 'id' cannot be given"),
        ("height", "COL=VALUE"),
    ],
)
@pytest.mark.usefixtures("median")
def test_what_cannot_be_given(given, reason, table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(MedianEstimator, "fit", None)  # there is an error before
    out = tmp_path / "out.csv"
    options = ["--ignore", "id,day", "--given", given]
    status, line = fails(capsys, "sample", table, "-n", 3, "-o", out, *options)
    assert (status, reason in line) == (2, True), line
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("height=3.14159", "3.14159"),
        ("height=1.9", "1.9"),
        ("height=1.2e-7", "1.2e-07"),
        ("children=1.0", "1.0"),
        ("children=-20", "-20"),
        ("code=012", "012"),
    ],
)
@pytest.mark.usefixtures("median")
def test_a_given_value_is_written_as_it_is_given(given, written, table, tmp_path, capsys):
    options = ["-n", 4, "--ignore", "id,day", "-q", "--given", given]
    out, other = tmp_path / "out.csv", tmp_path / "out.parquet"
    assert run(capsys, "sample", table, "-o", out, *options) == (0, "")
    name = given.partition("=")[0]
    assert pd.read_csv(out, dtype=str)[name].tolist() == [written] * 4
    assert run(capsys, "sample", table, "-o", other, *options) == (0, "")
    value = written if name == "code" else float(written)
    assert pd.read_parquet(other)[name].tolist() == [value] * 4


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_batches_are_written_one_by_one(ending, table, tmp_path, capsys, monkeypatch):
    made = []

    class Watched(MedianEstimator):
        def sample_batches(self, n_samples, random_state):
            for rows in super().sample_batches(n_samples, random_state):
                # The writer and this loop may still hold one each.
                assert sum(ref() is not None for ref in made) <= 2
                rows = rows.copy()
                made.append(weakref.ref(rows))
                yield rows

    monkeypatch.setitem(vars(skmissdiff), "MissDiffSampler", Watched)
    monkeypatch.setattr(_command_sample, "LOOKED_AT", 7)
    out = tmp_path / f"out.{ending}"
    for source in (table, tmp_path / "in.parquet"):
        status, err = run(capsys, "sample", source, "-n", 31, "-o", out, "--ignore", "id,day")
        assert status == 0
        assert "generated 31, of which the first 7 are described" in err
        read = pd.read_parquet if ending == "parquet" else pd.read_csv
        assert read(out)["height"].tolist() == ([1.1, 1.7, 1.85, 1.7, 1.6] * 7)[:31]
        pd.read_csv(table, dtype={"code": str}).to_parquet(tmp_path / "in.parquet")


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the repository")
@pytest.mark.parametrize("name", ["horse_colic", "titanic", "kidney", "boys"])
def test_real_tables(name, tmp_path, capsys):
    source, out = DATA / f"{name}.csv", tmp_path / "out.csv"
    assert run(capsys, "impute", source, "-o", out, "-q", *QUICK) == (0, "")
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
    from skmissdiff.cli import _demo

    monkeypatch.setattr(_demo, "TRAINING", {"max_iter": 5})
    assert cli.main(["demo"]) == 0
    out, _ = capsys.readouterr()
    for method in ("SimpleImputer", "KNNImputer", "IterativeImputer", "MissDiffImputer"):
        assert any(line.startswith(method) for line in out.splitlines())
    assert "generated rows" in out


def test_the_summary_has_all_digits_of_whole_numbers():
    from skmissdiff.cli._summary import _describe

    assert _describe(pd.Series([12345, 98766])) == "12345 .. 98766, mean 55560"
    assert _describe(pd.Series([0.123456, 9.0])) == "0.1235 .. 9, mean 4.562"
