"""Completing tables batch by batch: the cells of whole ones, in their schema, from any batches."""

import datetime
import decimal
import os
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from scipy import stats

from skmissdiff import MissDiffImputer
from skmissdiff._partitions import _load_once

N = 240


def make_table(n_rows, seed):
    """Numbers, whole numbers, categories, decimals and dates, three tenths missing."""
    rng = np.random.default_rng(seed)
    a = np.round(rng.normal(size=n_rows), 3)

    def gaps():
        return rng.random(n_rows) < 0.3

    days = [datetime.date(2024, 1, 1) + datetime.timedelta(int(7 * v)) for v in a]
    prices = [decimal.Decimal(f"{10 + v:.2f}") for v in a]
    level = np.where(a > 0, "high", "low")
    return pa.table(
        {
            "a": pa.array(a, mask=gaps()),
            "whole": pa.array(np.rint(3 * a).astype(np.int64), mask=gaps()).cast(pa.int32()),
            "level": pa.array(level, mask=gaps()).dictionary_encode().cast(DICTIONARY),
            "text": pa.array(level, mask=gaps()),
            "price": pa.array(prices, type=pa.decimal128(9, 2), mask=gaps()),
            "day": pa.array(days, mask=gaps()),
        }
    )


DICTIONARY = pa.dictionary(pa.int8(), pa.string())


@pytest.fixture(scope="module")
def imputer():
    return MissDiffImputer(max_iter=0, random_state=0).fit(make_table(N, 0))


@pytest.fixture(scope="module")
def table():
    return make_table(N, 1)


@pytest.fixture(scope="module")
def keyed(table):
    return table.append_column("key", pa.array([f"k{i}" for i in range(N)]))


@pytest.mark.parametrize("n_rows", [1, 7, N])
def test_best_guesses_are_those_of_the_whole_table(imputer, table, n_rows):
    reader = imputer.transform_batches(table.to_batches(max_chunksize=n_rows))
    assert reader.schema == table.schema
    completed = reader.read_all()
    assert completed.equals(imputer.transform(table).cast(table.schema))
    assert completed.schema.field("level").type == DICTIONARY


def test_batches_are_cut_and_joined(imputer, table, monkeypatch):
    monkeypatch.setattr("skmissdiff._stream.source.FEWEST_BLOCK_ROWS", 50)
    monkeypatch.setattr("skmissdiff._stream.source.MOST_BLOCK_ROWS", 64)
    for n_rows in (3, N):
        batches = list(imputer.transform_batches(table.to_batches(max_chunksize=n_rows)))
        assert [len(batch) for batch in batches] == [64, 64, 64, N - 192]
        # Each batch has a dictionary of its own.
        completed = pa.Table.from_batches(batches).to_pylist()
        assert completed == imputer.transform(table).to_pylist()


def test_sources(imputer, table, tmp_path):
    expected = imputer.transform_batches(table.to_batches(), draw=0).read_all()
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=11)
    dataset = ds.dataset(tmp_path)
    sources = [
        table,
        table.combine_chunks().to_batches()[0],
        iter(table.to_batches(max_chunksize=9)),
        pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=100)),
        lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
    ]
    for source in sources:
        assert imputer.transform_batches(source, draw=0).read_all().equals(expected)
    # Parquet keeps dictionaries, but not how wide their indices are.
    read = imputer.transform_batches(dataset, draw=0)
    assert read.schema == dataset.schema
    assert read.read_all().to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("make", [pa.Table.to_pandas, pl.from_arrow], ids=["pandas", "polars"])
def test_frames_come_back_one_by_one(imputer, keyed, make):
    frames = [make(keyed.slice(start, 100)) for start in range(0, N, 100)]
    completed = list(imputer.transform_batches(frames, key="key", draw=1))
    assert [len(frame) for frame in completed] == [100, 100, 40]
    for frame, before in zip(completed, frames, strict=True):
        assert type(frame) is type(before)
        assert list(frame.dtypes) == list(before.dtypes)
    arrow = imputer.transform_batches(keyed, key="key", draw=1).read_all()
    numbers = np.concatenate([frame["a"].to_numpy() for frame in completed])
    np.testing.assert_array_equal(numbers, arrow["a"].to_numpy())
    assert [v for frame in completed for v in frame["text"]] == arrow["text"].to_pylist()


def test_a_pandas_index_stays_and_nothing_given_is_altered(imputer, table):
    frame = table.to_pandas().set_index(pd.Index([f"r{i}" for i in range(N)]))
    before = frame.copy()
    (completed,) = imputer.transform_batches([frame])
    pd.testing.assert_frame_equal(frame, before)
    assert completed.index.equals(frame.index)
    pd.testing.assert_frame_equal(completed, imputer.transform(frame))


def test_other_columns_and_their_order_stay(imputer, keyed):
    mixed = keyed.select(["day", "key", "text", "a", "price", "level", "whole"])
    completed = imputer.transform_batches(mixed).read_all()
    assert completed.schema == mixed.schema
    expected = imputer.transform(keyed.drop_columns("key"))
    assert completed.drop_columns("key").to_pylist() == [
        {name: row[name] for name in mixed.column_names if name != "key"}
        for row in expected.to_pylist()
    ]
    assert completed["key"].equals(mixed["key"])


def test_columns_of_nulls_and_indicators(table):
    imputer = MissDiffImputer(max_iter=0, random_state=0, add_indicator=True).fit(table)
    place = table.column_names.index("a")
    empty = table.set_column(place, "a", pa.nulls(N))
    reader = imputer.transform_batches(empty)
    assert reader.schema.field("a").type == pa.float64()
    assert reader.schema.names[6:] == [f"missingindicator_{name}" for name in table.column_names]
    completed = reader.read_all()
    assert completed["a"].null_count == 0
    assert completed["missingindicator_a"].to_pylist() == [True] * N


def test_draws_do_not_depend_on_the_batches(imputer, table):
    whole = imputer.transform_batches(table, draw=2).read_all()
    parts = imputer.transform_batches(table.to_batches(max_chunksize=13), draw=2).read_all()
    assert parts.equals(whole)
    others = [
        imputer.transform_batches(table, draw=3),
        imputer.transform_batches(table, draw=2, random_state=1),
        imputer.transform_batches(table, draw=2, partition=1),
        imputer.transform_batches(table),
    ]
    for other in others:
        assert not other.read_all().equals(whole)


def test_sample_posterior_is_draw_0(table):
    imputer = MissDiffImputer(max_iter=0, sample_posterior=True, random_state=0).fit(table)
    sampled = imputer.transform_batches(table).read_all()
    assert sampled.equals(imputer.transform_batches(table, draw=0).read_all())


def equal_rows(n_rows):
    """Rows that nothing but a key tells apart."""
    a = pa.array([0.5] * n_rows)
    return pa.table({"a": a, "b": pa.nulls(n_rows, pa.float64()), "key": pa.array(range(n_rows))})


@pytest.fixture(scope="module")
def pair():
    """An imputer of a column given another one."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    b = pa.array(a + 0.5 * rng.normal(size=400), mask=rng.random(400) < 0.2)
    return MissDiffImputer(max_iter=0, bounds=None, random_state=0).fit(pa.table({"a": a, "b": b}))


def test_equal_rows_of_different_partitions_get_different_draws(pair):
    """The trap: by their ranks within a call, all partitions would have the same draws."""
    table = equal_rows(1000)
    (draw,) = pair.multiple_impute(table.drop_columns("key"), n_imputations=1)
    by_rank = draw["b"].to_numpy()
    parts = [table.slice(start, 100) for start in range(0, 1000, 100)]
    keyed = pair.for_partitions(key="key", draw=0)
    numbered = [
        pair.transform_batches(part.to_batches(), partition=number, draw=0).read_all()
        for number, part in enumerate(parts)
    ]
    for completed in ([keyed(part) for part in parts], numbered):
        draws = np.array([part["b"].to_numpy() for part in completed])
        assert len(np.unique(draws)) == 1000
        assert stats.ks_2samp(draws.ravel(), by_rank).pvalue > 0.01
        # Rows at the same place of two partitions have nothing in common.
        assert np.abs(np.corrcoef(draws) - np.eye(10)).max() < 0.4
    alike = [pair.multiple_impute(part.drop_columns("key"), 1)[0]["b"] for part in parts[:2]]
    assert alike[0].equals(alike[1])  # what it is all about


def test_a_key_makes_draws_the_same_in_any_partitions(imputer, keyed):
    complete = imputer.for_partitions(key="key", draw=0)
    whole = complete(keyed)
    order = np.random.default_rng(2).permutation(N)
    parts = [complete(keyed.take(pa.array(rows))) for rows in np.array_split(order, 5)]
    shuffled = pa.concat_tables(parts).take(pa.array(np.argsort(order)))
    assert shuffled.to_pylist() == whole.to_pylist()
    assert imputer.transform_batches(keyed, key="key", draw=0).read_all().to_pylist() == (
        whole.to_pylist()
    )


@pytest.mark.parametrize("where", ["pickled", "file", "older file"])
def test_partitions_ask_a_chain_that_is_grown_once(keyed, tmp_path, monkeypatch, where):
    path = None if where == "pickled" else tmp_path / "model.npz"
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(keyed.drop_columns("key"))
    if where == "older file":
        imputer.save(path)  # before anybody has drawn
    grown, grow = [], MissDiffImputer._grown_chain

    def spy(self, *args, **options):
        grown.append(os.getpid())
        return grow(self, *args, **options)

    monkeypatch.setattr(MissDiffImputer, "_grown_chain", spy)
    _load_once.cache_clear()
    told = pickle.dumps(imputer.for_partitions(key="key", draw=0, path=path))
    assert len(grown) == 1
    parts = [pickle.loads(told)(keyed.slice(start, 80)) for start in (0, 80, 160)]
    assert len(grown) == (2 if where == "older file" else 1)
    assert pa.concat_tables(parts).equals(imputer.for_partitions(key="key", draw=0)(keyed))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(range(N), type=pa.int64()),
        pa.array([datetime.datetime(2024, 1, 1) + datetime.timedelta(i) for i in range(N)]),
        pa.array([decimal.Decimal(i) for i in range(N)]),
        pa.array([float(i) / 4 for i in range(N)]),
    ],
)
def test_keys_are_the_same_in_every_library(imputer, table, values):
    table = table.append_column("key", values)
    complete = imputer.for_partitions(key="key", draw=0)
    arrow = complete(table)["a"].to_numpy()
    np.testing.assert_array_equal(complete(table.to_pandas())["a"].to_numpy(), arrow)
    np.testing.assert_array_equal(complete(pl.from_arrow(table))["a"].to_numpy(), arrow)


def test_a_key_may_have_several_columns(pair):
    table = equal_rows(40)
    key = np.arange(40)
    table = table.append_column("patient", pa.array(key // 4)).append_column("visit", pa.array(key))
    draws = pair.transform_batches(table, key=["patient", "visit"], draw=0).read_all()["b"]
    assert len(set(draws.to_pylist())) == 40


def test_a_key_that_does_not_tell_rows_apart_is_refused(pair):
    table = equal_rows(40).append_column("patient", pa.array(np.arange(40) // 4))
    with pytest.raises(ValueError, match="'patient' has the value 0 in two rows that are equal"):
        pair.transform_batches(table, key="patient", draw=0).read_all()
    # Best guesses of equal rows are the same, whatever the key.
    pair.transform_batches(table, key="patient").read_all()
    holes = table.set_column(3, "patient", pa.array([*range(39), None]))
    with pytest.raises(ValueError, match=r"'patient' is the key .* no value in row 39"):
        pair.transform_batches(holes, key="patient", draw=0).read_all()


def test_wrong_use_is_told_at_once(imputer, table, pair):
    with pytest.raises(ValueError, match="no column 'price', which the imputer was fitted to"):
        imputer.transform_batches(table.drop_columns("price"))
    with pytest.raises(ValueError, match="no column 'id', the key"):
        imputer.transform_batches(table, key="id")
    with pytest.raises(TypeError, match="partition must be"):
        imputer.transform_batches(table, partition=1.5)
    with pytest.raises(ValueError, match="draw == -1"):
        imputer.transform_batches(table, draw=-1)
    with pytest.raises(ValueError, match="'nothing'"):
        imputer.for_partitions(impute_columns=["nothing"])
    with pytest.raises(ValueError, match="where must be a dict of rules"):
        imputer.transform_batches(table, where=np.ones((N, 6), dtype=bool))
    with pytest.raises(ValueError, match="take a key"):
        imputer.for_partitions(draw=0)(table)
    with pytest.raises(TypeError, match="str, not Arrow record batches"):
        imputer.transform_batches("part.parquet")
    array = MissDiffImputer(max_iter=0, random_state=0).fit(
        np.random.default_rng(0).random((50, 2))
    )
    with pytest.raises(ValueError, match="fitted to an array"):
        array.transform_batches(table)


def test_errors_of_later_batches_come_through(imputer, table):
    column = table["a"].to_numpy().copy()
    column[200] = np.inf
    table = table.set_column(0, "a", pa.array(column))
    with pytest.raises(ValueError, match=r"contains infinity.*'a'"):
        imputer.transform_batches(table.to_batches(max_chunksize=20)).read_all()


def test_chosen_cells(imputer, table):
    completed = imputer.transform_batches(table, impute_columns=["a", "text"]).read_all()
    gaps = {name: completed[name].null_count > 0 for name in completed.column_names}
    assert [name for name, left in gaps.items() if not left] == ["a", "text"]
    rule = {"a": ("text", "high")}
    completed = imputer.transform_batches(table, where=rule).read_all().to_pandas()
    assert completed.equals(imputer.transform(table, where=rule).to_pandas())


def test_one_warning_for_all_batches(imputer, table):
    texts = pa.array(["new"] * N)
    table = table.set_column(3, "text", texts)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = [table.slice(start, 60).to_pandas() for start in range(0, N, 60)]
        list(imputer.transform_batches(frames))
    assert len(caught) == 1
    assert "not seen in fit" in str(caught[0].message)


def test_empty_sources(imputer, table):
    nothing = table.slice(0, 0)
    reader = imputer.transform_batches(nothing)
    assert reader.schema == table.schema
    assert reader.read_all().num_rows == 0
    assert list(imputer.transform_batches(iter([]))) == []
    (empty,) = imputer.transform_batches([nothing.to_pandas()])
    assert empty.empty


@pytest.mark.parametrize("convert", [pa.Table.to_pandas, pl.from_arrow])
def test_parts_without_rows_have_the_columns_of_the_others(table, convert):
    imputer = MissDiffImputer(add_indicator=True, max_iter=0, random_state=0).fit(table)
    complete = imputer.for_partitions()
    some, none = complete(convert(table.slice(0, 9))), complete(convert(table.slice(0, 0)))
    assert list(none.columns) == list(some.columns)
    assert "missingindicator_" in none.columns[-1]
    assert len(none) == 0
    assert none[none.columns[-1]].dtype == some[some.columns[-1]].dtype


def test_what_takes_no_stream_says_so_at_once(imputer, table, monkeypatch):
    stream = table.to_batches()
    for use in (imputer.transform, imputer.multiple_impute, imputer.score):
        with pytest.raises(TypeError, match=r"batch by batch.*transform_batches"):
            use(stream)
    monkeypatch.setattr("skmissdiff._base.train_denoiser", None)
    with pytest.raises(TypeError, match=r"batch by batch.*transform_batches"):
        MissDiffImputer().fit_transform(stream)
    with pytest.raises(TypeError, match="Read it into a frame"):
        imputer.to_sampler().score_samples(stream)


def test_a_saved_model_travels_once(imputer, keyed, tmp_path):
    complete = imputer.for_partitions(key="key", draw=0, path=tmp_path / "model.npz")
    sent = pickle.dumps(complete)
    assert len(sent) < 1000 < len(pickle.dumps(imputer.for_partitions(key="key", draw=0)))
    _load_once.cache_clear()
    for _ in range(3):
        assert pickle.loads(sent)(keyed).equals(complete(keyed))
    assert _load_once.cache_info().misses == 1
    other = MissDiffImputer(max_iter=0, random_state=1).fit(keyed.drop_columns("key"))
    with pytest.raises(ValueError, match="holds another model"):
        other.for_partitions(path=tmp_path / "model.npz")
    # The file stays as it is; what was set later travels with the function.
    before = (tmp_path / "model.npz").read_bytes()
    loaded = MissDiffImputer.load(tmp_path / "model.npz").set_params(sample_posterior=True)
    by_parameter = loaded.for_partitions(key="key", path=tmp_path / "model.npz")
    assert pickle.loads(pickle.dumps(by_parameter))(keyed).equals(complete(keyed))
    assert (tmp_path / "model.npz").read_bytes() == before
    (tmp_path / "model.npz").write_bytes(b"something else")
    _load_once.cache_clear()
    with pytest.raises(ValueError, match="is another model than it was"):
        pickle.loads(sent)(keyed)


def test_iterables_of_partitions(imputer, keyed):
    complete = imputer.for_partitions(key="key", draw=0)
    batches = list(complete(iter(keyed.to_batches(max_chunksize=50))))
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert pa.Table.from_batches(batches).to_pylist() == complete(keyed).to_pylist()
    frames = complete(frame for frame in [keyed.to_pandas()])
    assert isinstance(next(frames), pd.DataFrame)
