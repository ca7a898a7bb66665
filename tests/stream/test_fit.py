"""Fitting to what comes batch by batch."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from skmissdiff import MissDiffImputer, MissDiffSampler, Order
from skmissdiff._stream import columns, scan, source
from skmissdiff._table.frames import read_table
from tests.stream.streams import assert_same_model, files, mixed_table, reader, weights

FAST = {"max_iter": 2, "random_state": 0}


@pytest.fixture
def small_sample(monkeypatch):
    """A sample of 500 rows and blocks of 256: tables of thousands are streams."""
    monkeypatch.setattr(scan, "MOST_SAMPLE_ROWS", 500)
    monkeypatch.setattr(scan, "FEWEST_SAMPLE_ROWS", 100)
    monkeypatch.setattr(source, "MOST_BLOCK_ROWS", 256)


@pytest.mark.parametrize("cls", [MissDiffImputer, MissDiffSampler])
def test_a_table_that_fits_gives_the_model_of_the_table(cls, tmp_path):
    table = mixed_table(300)
    whole = cls(**FAST).fit(table)
    assert_same_model(cls(**FAST).fit(files(tmp_path / "one", table, 1, 10**6)), whole)
    assert_same_model(cls(**FAST).fit(reader(table, 77)), whole)


@pytest.mark.parametrize("cls", [MissDiffImputer, MissDiffSampler])
def test_files_row_groups_and_batches_do_not_matter(cls, tmp_path, small_sample):
    table = mixed_table(1500).select(["a", "c", "day", "price", "level"])
    one = cls(**FAST).fit(files(tmp_path / "one", table, 1, 10**6))
    assert_same_model(cls(**FAST).fit(files(tmp_path / "many", table, 50, 7)), one)
    assert_same_model(cls(**FAST).fit(files(tmp_path / "rows", table, 2, 1)), one)
    assert_same_model(cls(**FAST).fit(reader(table, 333)), one)
    assert_same_model(cls(**FAST).fit(table.to_batches(max_chunksize=1000)), one)
    other = cls(max_iter=2, random_state=1).fit(files(tmp_path / "other", table, 1, 10**6))
    assert not np.array_equal(weights(other)["mu"], weights(one)["mu"])


def test_schema_levels_and_gaps_are_those_of_all_rows(tmp_path, small_sample):
    table = mixed_table()
    # What no sample of 500 of 3,000 rows can be counted on to hold.
    lone = pa.array([None] * 2500 + ["rare"] + ["often"] * 499)
    outlier = np.zeros(3000)
    outlier[1234], outlier[77] = 1e6, 0.5
    full = np.arange(3000.0)
    table = table.append_column("lone", lone).append_column("outlier", pa.array(outlier))
    table = table.append_column("full", pa.array(full))
    whole = MissDiffImputer(max_iter=0, add_indicator=True, random_state=0).fit(table)
    streamed = MissDiffImputer(max_iter=0, add_indicator=True, random_state=0).fit(
        files(tmp_path / "some", table, 5, 100)
    )
    assert streamed.encoder_.schema_ == whole.encoder_.schema_
    assert streamed.encoder_.schema_.columns[-2].maximum == 1e6
    for own, levels in zip(streamed.categories_, whole.categories_, strict=True):
        np.testing.assert_array_equal(own, levels)
    counts = zip(streamed.encoder_._category_counts, whole.encoder_._category_counts, strict=True)
    for own, count in counts:
        np.testing.assert_array_equal(own, count)
    np.testing.assert_array_equal(streamed.get_feature_names_out(), whole.get_feature_names_out())
    completed = streamed.transform(table)
    assert completed.schema.types[: table.num_columns] == table.schema.types
    observed = table["lone"].is_valid().to_numpy()
    assert completed["lone"].filter(pa.array(observed)).equals(table["lone"].drop_null())


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_columns_with_few_cells_among_many_rows_are_learnt(scaling, small_sample):
    table = mixed_table(20_000).select(["a", "b", "c"])
    cells = np.full(20_000, np.nan)
    cells[[3, 17_000]] = [5.0, 9.0]
    texts = pa.array([None] * 19_990 + ["u", "v"] * 5)
    table = table.append_column("sparse", pa.array(cells, from_pandas=True))
    table = table.append_column("texts", texts)
    imputer = MissDiffImputer(max_iter=3, scaling=scaling, random_state=0).fit(reader(table, 999))
    completed = imputer.transform(table.slice(0, 50))
    found = completed["sparse"].to_numpy()
    assert ((found >= 5) & (found <= 9)).all()
    assert set(completed["texts"].to_pylist()) <= {"u", "v"}


def test_rare_categories_come_back_at_their_rate(small_sample):
    rng = np.random.default_rng(0)
    names = np.array([f"n{i:03}" for i in range(400)])
    shares = np.r_[0.2, 0.2, np.full(398, 0.6 / 398)]
    values = rng.choice(names, size=10_000, p=shares)
    table = pa.table({"name": values, "x": rng.normal(size=10_000)})
    sampler = MissDiffSampler(max_categories=5, max_iter=20, random_state=0)
    sampler.fit(reader(table, 1000))
    encoder = sampler.encoder_
    assert encoder.layout_.widths[0] == 5
    assert len(encoder.categories_[0]) == 400
    assert encoder._category_counts[0].sum() == 10_000
    drawn = sampler.sample(4000)["name"].to_pylist()
    rare = [name for name in drawn if name not in set(names[:2])]
    assert 0.5 < len(rare) / 4000 < 0.7
    assert len(set(rare)) > 350


def test_levels_beyond_what_is_counted_are_forgotten_from_the_rarest(monkeypatch, small_sample):
    monkeypatch.setattr(columns, "MAX_COUNTED", 100)
    rng = np.random.default_rng(0)
    rare = np.array([f"r{i:05}" for i in range(2000)])
    values = np.where(rng.random(9000) < 0.5, "often", rng.choice(rare, size=9000))
    table = pa.table({"name": values, "x": rng.normal(size=9000)})
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(reader(table, 500))
    assert_same_model(imputer, MissDiffImputer(max_iter=3, random_state=0).fit(reader(table, 77)))
    counts = dict(zip(imputer.categories_[0], imputer.encoder_._category_counts[0], strict=True))
    assert counts["often"] == (values == "often").sum()
    assert len(counts) <= 100
    assert imputer.encoder_.schema_.columns[0].n_observed == 9000


def test_names_of_rows_are_left_out(small_sample):
    table = mixed_table().select(["a", "b"])
    table = table.append_column("name", pa.array([f"row {i}" for i in range(3000)]))
    with pytest.warns(UserWarning, match="'name' is left out of the model"):
        imputer = MissDiffImputer(**FAST).fit(reader(table, 500))
    assert imputer.categories_[2] is None


def test_text_that_is_numbers_is_told(small_sample):
    table = pa.table({"price": [f"{i % 70},5" for i in range(3000)], "x": np.arange(3000.0)})
    with pytest.warns(UserWarning, match="nearly all of it is numbers"):
        MissDiffImputer(max_iter=0).fit(reader(table, 500))


def test_markers_of_missing_cells(small_sample):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, 3000).astype(float)
    kind = rng.choice(["u", "v"], 3000)
    for missing, column in ((-99.0, "x"), ("?", "kind")):
        frame = pd.DataFrame({"x": x, "kind": kind, "y": x + rng.normal(size=3000)})
        frame.loc[::3, column] = missing
        table = pa.Table.from_pandas(frame, preserve_index=False)
        options = {"max_iter": 0, "missing_values": missing, "random_state": 0}
        whole = MissDiffImputer(**options).fit(table)
        streamed = MissDiffImputer(**options).fit(reader(table, 100))
        assert streamed.encoder_.schema_ == whole.encoder_.schema_
        assert streamed.encoder_.schema_.columns[column == "kind"].n_observed == 2000
        assert streamed._has_missing.tolist() == whole._has_missing.tolist()


def test_what_is_declared_categorical(small_sample):
    rng = np.random.default_rng(0)
    table = pa.table({"code": rng.integers(0, 4, 3000), "x": rng.normal(size=3000)})
    options = {"categorical_features": ["code"], "max_iter": 0, "random_state": 0}
    whole = MissDiffImputer(**options).fit(table)
    streamed = MissDiffImputer(**options).fit(reader(table, 100))
    assert streamed.encoder_.schema_ == whole.encoder_.schema_
    assert streamed.categories_[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="names column 'nothing'"):
        MissDiffImputer(categorical_features=["nothing"]).fit(reader(table, 100))


def test_csv_files_and_partitions(tmp_path, small_sample):
    frame = mixed_table().select(["a", "c"]).to_pandas()
    frame["year"] = np.repeat([2023, 2024, 2025], 1000)
    frame.to_csv(tmp_path / "one.csv", index=False)
    whole = pa.Table.from_pandas(frame, preserve_index=False)
    imputer = MissDiffImputer(**FAST).fit(ds.dataset(tmp_path / "one.csv", format="csv"))
    assert imputer.n_features_in_ == 3
    assert imputer.encoder_.schema_.columns[0].n_observed > 2000
    ds.write_dataset(whole, tmp_path / "parts", format="parquet", partitioning=["year"])
    parts = ds.dataset(tmp_path / "parts", partitioning=["year"])
    assert MissDiffImputer(**FAST).fit(parts).feature_names_in_.tolist() == ["a", "c", "year"]
    recent = parts.filter(ds.field("year") > 2023)
    assert MissDiffImputer(**FAST).fit(recent).encoder_.schema_.columns[2].minimum == 2024


def test_frames_of_other_libraries_as_batches(small_sample):
    pl = pytest.importorskip("polars")
    frame = pl.from_arrow(mixed_table().select(["a", "b", "c"]))
    batches = [frame[start : start + 500] for start in range(0, 3000, 500)]
    one = MissDiffImputer(**FAST).fit(iter(batches))
    assert_same_model(MissDiffImputer(**FAST).fit(lambda: batches), one)


def test_nothing_to_learn_from():
    empty = mixed_table(5).slice(0, 0)
    with pytest.raises(ValueError, match="0 sample"):
        MissDiffImputer().fit(reader(empty, 10))
    with pytest.raises(ValueError, match="0 sample"):
        MissDiffImputer().fit(list)
    gaps = pa.table({"x": pa.array([None] * 20, type=pa.float64())})
    with pytest.raises(ValueError, match="no observed cell"):
        MissDiffImputer().fit(reader(gaps, 10))


def test_what_cannot_be_read_is_named():
    rows = pa.table({"x": [1.0, np.inf] * 10, "y": np.arange(20.0)})
    with pytest.raises(ValueError, match=r"infinity.*column 'x'"):
        MissDiffImputer().fit(reader(rows, 5))
    nested = pa.table({"x": [[1.0], [2.0]]})
    with pytest.raises(TypeError, match="Column 'x' has dtype list"):
        MissDiffImputer().fit(reader(nested, 5))
    with pytest.raises(TypeError, match="yields a int, not Arrow record batches"):
        MissDiffImputer().fit(lambda: [1, 2])
    with pytest.raises(TypeError, match="returned a int"):
        MissDiffImputer().fit(lambda: 3)
    other = pa.table({"z": np.arange(20.0)})
    with pytest.raises(ValueError, match="same columns"):
        MissDiffImputer().fit(lambda: [*rows.to_batches(), *other.to_batches()])
    text = pa.table({"x": ["a"] * 20, "y": np.arange(20.0)})
    with pytest.raises(ValueError, match="cannot be read as the first one"):
        MissDiffImputer().fit(lambda: [rows.slice(0, 1), text])
    with pytest.raises(TypeError, match="asks for arrays"):
        MissDiffImputer().set_output(transform="default").fit(reader(other, 5))
    twice = pa.table([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    with pytest.raises(ValueError, match="unique"):
        MissDiffImputer().fit(reader(twice, 5))


def test_a_failed_fit_leaves_the_earlier_one():
    table = mixed_table(300).select(["a", "b"])
    imputer = MissDiffImputer(**FAST).fit(table)
    before = dict(vars(imputer))
    bad = pa.table({"x": [np.inf] * 20})
    with pytest.raises(ValueError, match="infinity"):
        imputer.fit(reader(bad, 5))
    assert vars(imputer) == before


def test_the_function_is_opened_once_and_nothing_is_changed(small_sample):
    table = mixed_table()
    before, opened = table.slice(0), []

    def open_reader():
        opened.append(1)
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())

    MissDiffImputer(**FAST).fit(open_reader)
    assert len(opened) == 1
    assert table.equals(before)


def test_a_saved_model_of_a_stream(tmp_path, small_sample):
    table = mixed_table()
    imputer = MissDiffImputer(**FAST).fit(reader(table, 500))
    imputer.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    assert loaded.transform(table).equals(imputer.transform(table))
    assert imputer.transform(table.to_pandas())["a"].notna().all()


def test_rows_of_a_sample_that_are_too_many_codes(monkeypatch, small_sample):
    from skmissdiff import _base

    monkeypatch.setattr(_base, "MOST_CODES", 2000)
    monkeypatch.setattr(_base, "FEWEST_SAMPLE_ROWS", 50)
    seen = []
    monkeypatch.setattr(_base, "train_denoiser", _noting(_base.train_denoiser, seen))
    sampler = MissDiffSampler(**FAST).fit(reader(mixed_table(), 500))
    n_codes = sampler.encoder_.layout_.n_codes
    assert len(seen[0]) == max(50, 2000 // n_codes)
    assert seen[0].dtype == np.float32
    assert sampler.sample(3, keep_missing=True).num_rows == 3


def _noting(train, seen):
    def noted(codes, *args, **kwargs):
        seen.append(codes)
        return train(codes, *args, **kwargs)

    return noted


def test_relations_hold_in_what_a_stream_teaches(small_sample):
    rng = np.random.default_rng(0)
    start = rng.normal(size=3000)
    end = start + rng.exponential(size=3000)
    table = pa.table({"start": pa.array(start), "end": pa.array(end, mask=rng.random(3000) < 0.3)})
    imputer = MissDiffImputer(relations=[Order(["start", "end"])], **FAST)
    completed = imputer.fit(reader(table, 500)).transform(table)
    assert (completed["start"].to_numpy() <= completed["end"].to_numpy()).all()


@pytest.mark.parametrize(
    "dtype", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_equal_cells_of_text_are_one_object(dtype):
    """A sample has hundreds of thousands of them."""
    texts = pa.array(["".join(["a", "b"]), None, "ab", "c"] * 2).cast(dtype)
    column = pa.chunked_array([texts.slice(0, 4), texts.slice(4)])
    table = read_table(pa.table({"x": column}))
    values = table.columns[0]
    assert values.tolist() == ["ab", None, "ab", "c"] * 2
    assert len({id(value) for value in values}) == 3
    assert read_table(pa.table({"x": column.slice(3, 2)})).columns[0].tolist() == ["c", "ab"]


@pytest.mark.parametrize("make", [pd.Series, pl.Series])
def test_equal_cells_of_frames_are_one_object(make):
    values = read_table(make(["ab", None, "c"] * 3).to_frame()).columns[0]
    assert values.tolist() == ["ab", None, "c"] * 3
    assert len({id(value) for value in values}) == 3


def test_a_file_of_many_row_groups_is_read_by_some_of_them(tmp_path, monkeypatch):
    """What a reader keeps of each row group must not grow with their number."""
    table = mixed_table().slice(0, 95)
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=1)
    monkeypatch.setattr(source, "_GROUPS", 10)
    read, scan = [], source.Dataset.scan

    def spy(self, part):
        read.append(part)
        return scan(self, part)

    monkeypatch.setattr(source.Dataset, "scan", spy)
    dataset = ds.dataset(tmp_path)
    ((first, batches),) = source.Dataset(dataset).runs()
    assert first == 0
    assert pa.Table.from_batches(batches).to_pylist() == table.to_pylist()
    assert [part.num_row_groups for part in read] == [10] * 9 + [5]
    few = dataset.filter(ds.field("a") > 0)  # which has no fragments
    ((_, batches),) = source.Dataset(few).runs()
    assert pa.Table.from_batches(batches).to_pylist() == few.to_table().to_pylist()
