"""``skmissdiff fit`` and ``--model``: trained once, used as often as one likes."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from cli_helpers import MedianEstimator, fails, run

import skmissdiff
from skmissdiff import MissDiffImputer, MissDiffSampler

QUICK = ["--max-iter", "5", "--n-steps", "4", "--seed", "0", "-q"]
FAST = {"max_iter": 5, "n_steps": 4, "random_state": 0}


def rows(n, seed, gap="NA"):
    """Lines of a table in a German style."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        size = rng.normal(170, 9)
        cells = [
            f"{rng.integers(1, 40):03d}",
            f"{size:.1f}".replace(".", ","),
            f"{1000 + 10 * size:,.2f} €".translate({44: ".", 46: ","}),
            f"{rng.integers(0, 4)}",
            rng.choice(['"Köln"', '"Bad Ems; Lahn"']),
        ]
        for position in (1, 2, 3, 4):
            if rng.random() < 0.2:
                cells[position] = gap
        yield ";".join(cells)


HEADER = '"id";größe;lohn;kinder;"ort"'


def write(path, n=60, seed=0, header=HEADER, encoding="cp1252"):
    text = "".join(f"{line}\r\n" for line in [header, *rows(n, seed)])
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.csv")


@pytest.fixture
def models(source, tmp_path, capsys):
    """An imputer and a sampler of the same table."""
    paths = {}
    for purpose in ("impute", "sample"):
        paths[purpose] = tmp_path / f"{purpose}.npz"
        args = ["fit", source, "-o", paths[purpose], "--ignore", "id", "--for", purpose, *QUICK]
        status, err = run(capsys, *args)
        assert (status, "note" in err) == (0, False), err
    return paths


def test_the_same_as_without_a_file_between(source, models, tmp_path, capsys):
    direct, by_model = tmp_path / "direct.csv", tmp_path / "by_model.csv"
    for draws in ([], ["--draws", 2]):
        options = ["--ignore", "id", *QUICK, *draws]
        assert run(capsys, "impute", source, "-o", direct, *options)[0] == 0
        options = ["--model", models["impute"], "--seed", 0, "-q", *draws]
        assert run(capsys, "impute", source, "-o", by_model, *options) == (0, "")
        assert direct.read_bytes() == by_model.read_bytes()
    options = ["-n", 9, "--ignore", "id", *QUICK]
    assert run(capsys, "sample", source, "-o", direct, *options)[0] == 0
    options = ["-n", 9, "--model", models["sample"], "--seed", 0, "-q"]
    assert run(capsys, "sample", "-o", by_model, *options) == (0, "")
    assert direct.read_bytes() == by_model.read_bytes()
    text = by_model.read_bytes().decode("cp1252")
    assert text.startswith('größe;lohn;kinder;"ort"\r\n')
    assert " €;" in text


def test_nothing_is_trained(source, models, tmp_path, capsys, monkeypatch):
    for estimator in (MissDiffImputer, MissDiffSampler):
        monkeypatch.setattr(estimator, "fit", None)
    out = tmp_path / "out.csv"
    for model in models.values():
        assert run(capsys, "impute", source, "-o", out, "--model", model, "-q") == (0, "")
        assert b"NA" not in out.read_bytes()
        assert run(capsys, "sample", "-n", 5, "-o", out, "--model", model, "-q") == (0, "")
        assert len(out.read_text(encoding="cp1252").splitlines()) == 6


def test_a_new_table(models, tmp_path, capsys):
    """Columns in another order, unknown ones, empty ones, codes that look like numbers."""
    new, out = tmp_path / "new.csv", tmp_path / "out.csv"
    new.write_text(
        'ort,note,kinder,lohn,größe,id\nKöln,x,,"900,00 €","170,5",7\n,y,2,,180,8\nUlm,,1,,,9\n'
    )
    status, err = run(capsys, "impute", new, "-o", out, "--model", models["impute"], "--seed", 1)
    assert status == 0, err
    lines = out.read_text().splitlines()
    assert lines[0] == "ort,note,kinder,lohn,größe,id"
    cells = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert cells["note"].tolist() == ["x", "y", ""]
    assert cells["id"].tolist() == ["7", "8", "9"]
    assert cells["ort"].tolist()[::2] == ["Köln", "Ulm"]
    assert cells["ort"][1] in ("Köln", "Bad Ems; Lahn")
    assert cells["größe"].tolist()[:2] == ["170,5", "180"]
    assert cells["größe"].str.fullmatch(r"1\d\d(,\d)?").all()
    assert cells["lohn"][0] == "900,00 €"
    # As the fitted table wrote it.
    assert cells["lohn"][1:].str.fullmatch(r"[12]\.\d{3},\d\d €").all()
    assert cells["kinder"].isin(list("0123")).all()
    assert "carried through untouched: 'note', 'id'" in err
    assert "seed 1" in err


def test_a_column_without_any_value_is_written_as_the_fitted_table_did(models, tmp_path, capsys):
    new, out = tmp_path / "new.csv", tmp_path / "out.csv"
    new.write_text("größe;lohn;kinder;ort\n170,5;;;Köln\n180,5;;;Köln\n")
    args = ["impute", new, "-o", out, "--model", models["impute"], "-q"]
    assert run(capsys, *args) == (0, "")
    cells = pd.read_csv(out, sep=";", dtype=str)
    assert cells["lohn"].str.fullmatch(r"[12]\.\d{3},\d\d €").all()
    assert cells["kinder"].isin(list("0123")).all()


def test_given_and_other_endings(models, tmp_path, capsys):
    out = tmp_path / "out.parquet"
    args = ["sample", "-n", 4, "-o", out, "--model", models["impute"], "--seed", 0]
    options = ["--given", "ort=Köln", "--given", "größe=171,25", "--given", "kinder=2"]
    status, err = run(capsys, *args, *options)
    assert (status, "impute.npz: generated 4 rows" in err) == (0, True)
    frame = pd.read_parquet(out)
    assert frame["größe"].tolist() == [171.25] * 4
    assert frame["ort"].tolist() == ["Köln"] * 4
    assert frame["kinder"].tolist() == [2] * 4
    args[4] = out = tmp_path / "out.tsv"
    assert run(capsys, *args, *options, "-q") == (0, "")
    assert out.read_text(encoding="cp1252").splitlines()[1].startswith("171,25\t2.")
    for given, message in (
        ("ort=Ulm", "there are Bad Ems; Lahn, Köln"),
        ("id=3", "no column 'id'"),
    ):
        status, line = fails(capsys, *args, "--given", given)
        assert (status, message in line) == (2, True), line


def test_keep_missing(models, tmp_path, capsys):
    out = tmp_path / "out.csv"
    args = ["sample", "-n", 50, "-o", out, "--keep-missing", "-q", "--model"]
    assert run(capsys, *args, models["sample"]) == (0, "")
    assert out.read_text(encoding="cp1252").count("NA") > 10
    status, line = fails(capsys, *args, models["impute"])
    assert (status, "Fit a MissDiffSampler" in line) == (2, True)


@pytest.mark.parametrize("number", [1.0, 0.5])
def test_models_from_python(number, tmp_path, capsys):
    frame = pd.DataFrame(
        {
            "a": np.arange(40) * number,
            "flag": pd.array([True, False] * 20, dtype="boolean"),
            "code": pd.Categorical([1, 2, 3, 1] * 10),
            "name": ["x", "y"] * 20,
        }
    )
    frame.loc[::5, "name"] = None
    model = tmp_path / "model.npz"
    MissDiffImputer(**FAST).fit(frame).save(model)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("a,flag,code,name\n,True,3,x\n2.5,,,\n3,False,1,new\n")
    status, err = run(capsys, "impute", source, "-o", out, "--model", model, "-q")
    assert status == 0, err
    assert "new" in err  # a category that the model does not know
    done = pd.read_csv(out, dtype=str)
    assert done["flag"].isin(["True", "False"]).all()
    assert done["code"].isin(["1", "2", "3"]).all()
    parquet = tmp_path / "out.parquet"
    options = ["--model", model, "-q", "--given", "flag=True", "--given", "code=2"]
    assert run(capsys, "sample", "-n", 6, "-o", parquet, *options) == (0, "")
    generated = pd.read_parquet(parquet)
    assert generated["flag"].dtype == "boolean"
    assert generated["code"].tolist() == [2] * 6
    assert run(capsys, "sample", "-n", 6, "-o", out, *options) == (0, "")
    assert out.read_text().startswith("a,flag,code,name\n")
    source.write_text("a,flag,code,name\n,maybe,3,x\n")
    status, line = fails(capsys, "impute", source, "-o", out, "--model", model)
    assert (status, "column 'flag' holds 'maybe'; the model knows False, True" in line) == (2, True)


def test_parquet(tmp_path, capsys):
    frame = pd.DataFrame({"a": [1.5, None, 2.5, 3.5] * 10, "b": ["x", "y", None, "y"] * 10})
    source, model, out = (tmp_path / name for name in ("in.parquet", "m.npz", "out.parquet"))
    frame.to_parquet(source)
    assert run(capsys, "fit", source, "-o", model, *QUICK) == (0, "")
    new = tmp_path / "new.parquet"
    frame.assign(b=None, c=1)[["c", "b", "a"]].to_parquet(new)
    assert run(capsys, "impute", new, "-o", out, "--model", model, "-q") == (0, "")
    done = pd.read_parquet(out)
    assert list(done) == ["c", "b", "a"]
    assert done["b"].isin(["x", "y"]).all()
    assert done["a"].notna().all()
    text = tmp_path / "out.csv"
    assert run(capsys, "sample", "-n", 3, "-o", text, "--model", model, "-q") == (0, "")
    assert text.read_text().startswith("a,b\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-iter", "0"], "--max-iter makes no sense with --model: it was trained with its"),
        (["--no-bounds"], "--no-bounds makes no sense"),
        (["--bounds", "größe=0:1"], "--bounds makes no sense"),
        (["--snap", "größe"], "--snap makes no sense"),
        (["--method", "missdiff"], "--method makes no sense"),
        (["--categorical", "kinder"], "it knows what its columns hold"),
        (["--ignore", "id"], "columns that it does not know are carried through"),
    ],
)
def test_options_without_sense(options, message, source, tmp_path, capsys):
    args = ["impute", source, "-o", tmp_path / "out.csv", "--model", tmp_path / "m.npz"]
    status, line = fails(capsys, *args, *options)
    assert (status, message in line) == (2, True), line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["in.csv"], "leave IN out"),
        (["--delimiter", ";"], "--delimiter makes no sense with --model: no table is read"),
        (["--report", "a.html"], "there is no table to compare with"),
        (["--n-refreshes", "2"], "--n-refreshes makes no sense"),
    ],
)
def test_options_without_sense_of_sample(options, message, tmp_path, capsys):
    args = ["sample", "-o", tmp_path / "out.csv", "-n", 3, "--model", tmp_path / "m.npz"]
    status, line = fails(capsys, *args, *options)
    assert (status, message in line) == (2, True), line


def test_what_is_no_model(source, tmp_path, capsys):
    out, model = tmp_path / "out.csv", tmp_path / "m.npz"

    def reason():
        status, line = fails(capsys, "impute", source, "-o", out, "--model", model)
        assert (status, out.exists()) == (2, False)
        return line

    assert "m.npz: there is no such file" in reason()
    model.write_bytes(b"PK no more")
    assert "m.npz is damaged or not a skmissdiff model" in reason()
    MissDiffImputer(**FAST).fit(np.random.default_rng(0).normal(size=(30, 2))).save(model)
    assert "fitted to an array, whose columns have no names" in reason()
    status, line = fails(capsys, "sample", "-n", 3, "-o", out)
    assert (status, "name a table IN to learn from, or a --model" in line) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("größe;lohn\n1;2\n", "there is no column 'kinder', to which"),
        (
            "größe;lohn;kinder;ort\ngroß;2;1;x\n",
            "column 'größe' holds 'groß', which is not a number",
        ),
    ],
)
def test_tables_that_the_model_is_not_for(text, message, models, tmp_path, capsys):
    new = tmp_path / "new.csv"
    new.write_text(text)
    args = ["impute", new, "-o", tmp_path / "out.csv", "--model", models["impute"]]
    status, line = fails(capsys, *args)
    assert (status, message in line) == (2, True), line


@pytest.mark.usefixtures("median")
class TestFit:
    @pytest.mark.parametrize(
        ("options", "output", "message"),
        [
            ([], "model.csv", "must end in .npz"),
            (["--n-refreshes", "2"], "model.npz", "add --for sample"),
            (["--for", "fun"], "model.npz", "invalid choice: 'fun'"),
            ([], "no/model.npz", "there is no folder"),
        ],
    )
    def test_refused(self, options, output, message, source, tmp_path, capsys):
        status, line = fails(capsys, "fit", source, "-o", tmp_path / output, *options)
        assert (status, message in line) == (2, True), line

    def test_a_crash_leaves_the_old_model(self, source, tmp_path, capsys, monkeypatch):
        model = tmp_path / "model.npz"
        model.write_bytes(b"old")

        def save(self, path):
            with open(path, "wb") as stream:
                stream.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(MedianEstimator, "save", save, raising=False)
        status, _ = fails(capsys, "fit", source, "-o", model, "-q")
        assert (status, model.read_bytes()) == (1, b"old")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "model.npz"]


def test_the_summary_and_the_file(source, tmp_path, capsys):
    model = tmp_path / "model.npz"
    args = ["fit", source, "-o", model, "--ignore", "id", "--max-iter", 5, "--seed", 3]
    status, err = run(capsys, *args)
    assert status == 0
    assert "60 rows, 5 columns" in err
    assert "not known to the model: 'id'" in err
    assert f"wrote {model}" in err
    # Python reads it, and no code is in it.
    assert MissDiffImputer.load(model).n_features_in_ == 4
    with zipfile.ZipFile(model) as archive:
        content = json.loads(archive.read("command.json"))
    assert content["columns"]["lohn"]["numbers"]["positive"] == "{} €"
    assert content["file"]["encoding"] == "cp1252"


@pytest.mark.usefixtures("median")
class TestOnly:
    TEXT = "a,b,c\n1,x,5\n,y,\n3,,7\n"

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_other_gaps_stay(self, ending, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / f"out.{ending}"
        source.write_text(self.TEXT)
        status, err = run(capsys, "impute", source, "-o", out, "--only", "a,b")
        assert status == 0
        assert "1 column" not in err
        assert "gaps left as they are: 'c'" in err
        assert "5 rows" not in err
        if ending == "csv":
            assert out.read_text() == "a,b,c\n1,x,5\n3,y,\n3,y,7\n"
        else:
            done = pd.read_parquet(out)
            assert done["c"].isna().tolist() == [False, True, False]
            assert done[["a", "b"]].notna().all(axis=None)

    def test_from_parquet(self, tmp_path, capsys):
        source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
        pd.DataFrame({"a": [1.5, None, 3.5], "b": ["x", None, "y"]}).to_parquet(source)
        options = ["--only", "b", "--draws", 2, "-q"]
        assert run(capsys, "impute", source, "-o", out, *options) == (0, "")
        done = pd.read_parquet(out)
        assert done["a"].isna().tolist() == [False, True, False] * 2
        assert done["b"].notna().all()

    def test_refused(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(self.TEXT)
        for options, message in (
            (["--only", "nil"], "there is no column 'nil'"),
            (["--only", "a", "--ignore", "a"], "column 'a' cannot be completed"),
        ):
            status, line = fails(capsys, "impute", source, "-o", out, *options)
            assert (status, message in line) == (2, True), line


def test_the_estimators_are_the_real_ones():
    assert skmissdiff.MissDiffImputer is MissDiffImputer
