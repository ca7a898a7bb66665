"""Completing tables batch by batch, and in the worker processes of other programs."""

import copy
import importlib
from numbers import Integral

import numpy as np

from skmissdiff._draws.labels import NumberLabels, RowLabels
from skmissdiff._stream.parts import (
    as_record_batches,
    chosen_columns,
    column_names,
    first_frame,
    require_columns,
    values_of,
    with_columns,
)
from skmissdiff._stream.source import blocks, open_source
from skmissdiff._table.frames import validate_table
from skmissdiff._table.given import blank_table


class Completion:
    """Completes the parts of a table, one after another.

    Parameters
    ----------
    imputer : MissDiffImputer
        A fitted one, checked, which is not altered.
    key : str or list or None
        Columns by which rows are told apart, see `MissDiffImputer.transform_batches`.
    partition : int, str or None
        The part of a larger table that this one is.
    draw : int or None
        Which draw, None for what the imputer's parameters say.
    seed : int
        Of the draws.
    chosen : dict
        ``impute_columns`` and ``where``, as `MissDiffImputer.transform` takes them.
    """

    def __init__(self, imputer, key, partition, draw, seed, chosen):
        self._imputer = copy.copy(imputer)  # of now, whatever becomes of that one meanwhile
        self._imputer.verbose = 0  # a bar for each batch says nothing
        names = imputer.encoder_.schema_.names
        if names is None:
            raise ValueError(
                "The imputer was fitted to an array, whose columns have no names by which to find "
                "them in a batch. Fit it to a frame or a dataset."
            )
        self._names = list(names)
        self._key, self._partition, self._seed = _as_names(key), _checked(partition), seed
        self._draw = 0 if draw is None and imputer.sample_posterior else draw
        self._chosen, self._warned = chosen, False
        if any(not isinstance(rule, tuple) and not callable(rule) for rule in _rules(chosen)):
            raise ValueError(
                "where must be a dict of rules, pairs or functions, where a table comes in "
                "batches: no array of True and False has a row for each of its rows."
            )
        imputer._chosen(blank_table(imputer.encoder_.schema_, 1), **chosen)  # what is wrong, now

    def start(self, batches):
        """Complete batches; what is wrong with the first of them is said at once.

        Parameters
        ----------
        batches : object
            See `MissDiffImputer.transform_batches`.

        Returns
        -------
        completed : pyarrow.RecordBatchReader or iterator of frames
        """
        is_frames, batches = first_frame(batches)
        if is_frames:
            return self._frames(batches)
        pa = importlib.import_module("pyarrow")
        source = open_source(batches)
        if not source.schema.names and getattr(batches, "schema", None) is None:
            return iter(())  # no batch, and nothing that tells its columns
        self.check_names(source.schema.names)
        schema = self._output_schema(source.schema)
        return pa.RecordBatchReader.from_batches(schema, self._record_batches(source, schema))

    def check_names(self, names):
        """Raise if a column of the model or of the key is lacking."""
        require_columns(names, self._names, "which the imputer was fitted to")
        require_columns(names, self._key, "the key that tells rows apart")

    def frame(self, native, first=0):
        """Complete a frame.

        Parameters
        ----------
        native : frame
            With the columns of the model, and others that are left as they are.
        first : int
            The number of its first row in the part.

        Returns
        -------
        frame
            Of the same library, columns, order and index.
        """
        self.check_names(column_names(native))
        imputer = self._imputer
        if native.shape[0] == 0:
            return imputer._with_indicator(native, np.zeros((0, len(self._names)), dtype=bool))
        table = validate_table(
            imputer,
            chosen_columns(native, self._names),
            reset=False,
            missing_values=imputer.missing_values,
            schema=imputer.encoder_.schema_,
        )
        if not self._warned:  # once for all batches
            self._warned = imputer.encoder_.warn_unseen(table)
        cells = imputer._chosen(table, **self._chosen)
        values = self._values(table, cells.asked, native, first)
        return with_columns(native, imputer._write(table, cells, values))

    def _values(self, table, asked, native, first):
        if self._draw is None:
            return self._imputer._values(table, asked)
        if self._key:
            labels = RowLabels(self._key, [values_of(native, name) for name in self._key])
        else:
            labels = NumberLabels(self._partition, first)
        draws = range(self._draw, self._draw + 1)
        return self._imputer._draws(table, asked, draws, self._seed, labels)[0]

    def _frames(self, frames):
        first = 0
        for frame in frames:
            yield self.frame(frame, first)
            first += frame.shape[0]

    def _record_batches(self, source, schema):
        for number, batches in source.runs():
            first = number
            for block in blocks(batches, source.schema):
                yield from as_record_batches(self.frame(block, first), schema)
                first += block.num_rows

    def _output_schema(self, schema):
        """The schema of completed batches: a column of nulls has the type that it had in fit."""
        pa = importlib.import_module("pyarrow")
        nulls = [pa.types.is_null(field.type) for field in schema]
        if not any(nulls) and not self._imputer.add_indicator:
            return schema
        probe = copy.copy(self)
        probe._key, probe._draw = [], None if self._draw is None else 0
        blank = pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
        completed = probe.frame(blank).schema
        fields = [
            completed.field(place) if is_null else field
            for place, (field, is_null) in enumerate(zip(schema, nulls, strict=True))
        ]
        return pa.schema([*fields, *list(completed)[len(fields) :]], metadata=schema.metadata)


def _as_names(key):
    if key is None:
        return []
    return list(key) if isinstance(key, list) else [key]


def _rules(chosen):
    where = chosen["where"]
    if where is None:
        return []
    return where.values() if isinstance(where, dict) else [where]


def _checked(partition):
    if partition is None or isinstance(partition, Integral | str):
        return partition
    raise TypeError(
        f"partition must be a whole number or a name, got {partition!r}. A column that tells rows "
        "apart is the key."
    )
