"""The command on Parquet files, and from one kind of file to the other."""

import numpy as np
import pandas as pd
import pytest
from cli_helpers import fails, run


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
        status, err = run(capsys, "impute", source, "-o", out, "--ignore", "day")
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
        assert run(capsys, "impute", source, "-o", out, "--draws", 2, *options) == (0, "")
        drawn = pd.read_parquet(out)
        assert list(drawn) == [".imp", *self.frame]
        assert drawn[".imp"].tolist() == [1] * 4 + [2] * 4
        assert run(capsys, "sample", source, "-n", 7, "-o", out, *options) == (0, "")
        assert pd.read_parquet(out).shape == (7, 6)
        text = tmp_path / "out.csv"
        assert run(capsys, "impute", source, "-o", text, *options) == (0, "")
        assert text.read_text().splitlines()[0] == "whole,real,text,flag,level,day,big"
        assert run(capsys, "impute", text, "-o", out, *options) == (0, "")
        assert pd.read_parquet(out)["whole"].tolist() == [1, 2, 3, 2]

    def test_numbers_as_categories(self, source, tmp_path, capsys):
        out = tmp_path / "out.parquet"
        options = ["--ignore", "day", "-q", "--categorical", "whole", "--categorical", "real"]
        assert run(capsys, "impute", source, "-o", out, *options) == (0, "")
        pd.testing.assert_series_equal(
            pd.read_parquet(out)["real"],
            self.frame["real"].fillna(np.float32(0.2)),
        )
        status, line = fails(capsys, "impute", source, "-o", out, "--numeric", "text")
        assert (status, "column 'text' is stored as" in line) == (2, True)

    def test_damaged_file(self, tmp_path, capsys):
        path = tmp_path / "in.parquet"
        path.write_bytes(b"PAR1 and no more")
        status, line = fails(capsys, "impute", path, "-o", tmp_path / "out.csv")
        assert (status, "cannot be read as Parquet" in line) == (2, True)


def test_new_decimals_stay_within_the_observed_range(tmp_path, capsys):
    from decimal import Decimal

    import pyarrow as pa
    from pyarrow import parquet

    z = np.arange(60.0)
    price = [None if i < 8 or i % 9 == 0 else Decimal(i) / 4 for i in range(60)]
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    parquet.write_table(pa.table({"price": pa.array(price, pa.decimal128(8, 2)), "z": z}), source)
    status, _ = run(capsys, "impute", source, "-o", out, "--max-iter", 0, "--seed", 0)
    assert status == 0
    filled = parquet.read_table(out)["price"].to_pylist()
    assert min(filled) == Decimal("2.00")
