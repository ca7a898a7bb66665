"""A table in a Parquet file: what it holds, and how it is written back."""

from skmissdiff._support.files import TableError, import_pandas
from skmissdiff.cli._file_table import DRAW_COLUMN, FileTable
from skmissdiff.cli._fitted_columns import require_fitted_columns
from skmissdiff.cli._parquet import nullable_dtype, read_parquet, write_parquet


class ParquetTable(FileTable):
    """A table in a Parquet file; it is written back with the same schema."""

    kind = "parquet"

    def __init__(self, path, reading):
        kinds, ignore = reading.kinds, reading.ignore
        import_pandas()
        table = read_parquet(path)
        self._schema = table.schema
        self._whole = table.to_pandas(types_mapper=nullable_dtype).reset_index(drop=True)
        super().__init__(path, [str(name) for name in self._schema.names], reading.named)
        if table.num_rows == 0:
            raise TableError(f"{path}: the table has no rows")
        self._whole = self._whole[self.names]
        self._levels, self._fitted = {}, {}
        if reading.model is None:
            self.ignored = [name for name in self.names if name in ignore]
            self.empty = [
                name for name in self.names if name not in ignore and self._whole[name].isna().all()
            ]
            self.frame = self._whole.drop(columns=[*self.ignored, *self.empty])
        else:
            require_fitted_columns(path, self.names, reading.model)
            self._fitted = reading.model.styles
            self.ignored = [name for name in self.names if name not in self._fitted]
            self.frame = self._whole[list(self._fitted)]
            texts = [name for name in self._fitted if name not in reading.model.levels]
            kinds = {name: "category" for name in texts if self._fitted[name].kind == "category"}
        for name, kind in kinds.items():
            if name in self.frame:
                self._set_kind(name, kind)
        named = [name for name, kind in reading.kinds.items() if kind == "category"]
        self._finish(named if reading.model is None else None)

    def _is_text(self, name):
        # A dictionary of categories is a declaration.
        is_declared = str(self.frame[name].dtype) == "category"
        return super()._is_text(name) and not is_declared

    def cells(self, name):
        """The cells of a column."""
        return self._whole[name]

    def _set_kind(self, name, kind):
        """Have a column taken for what the user says it is."""
        is_number = self.frame[name].dtype.kind in "iuf"
        if kind == "number" and not is_number:
            raise TableError(
                f"column {name!r} is stored as {self.frame[name].dtype}, not as numbers"
            )
        if kind == "category" and is_number:
            column = self.frame[name].astype("category").cat
            self._levels[name] = {str(level): level for level in column.categories}
            self.frame[name] = column.rename_categories(list(self._levels[name]))
        elif kind == "category" and super()._is_text(name):
            self.frame[name] = self.frame[name].astype("category")

    def _restore(self, frame):
        """Give columns that were taken for categories their own dtype back."""
        frame = frame.copy()
        for name, levels in self._levels.items():
            values = frame[name].astype(object).map(levels)
            frame[name] = values.astype(self._whole[name].dtype)
        for name in frame:
            if frame[name].dtype != self._whole[name].dtype:
                frame[name] = frame[name].astype(self._whole[name].dtype)
        return frame

    def _merge(self, frame):
        """The whole table, its missing cells filled from ``frame``."""
        whole = self._whole.copy()
        frame = self._restore(frame)
        for name, gaps in self.missing.items():
            values = whole[name].array.copy()
            values[gaps] = frame[name].array[gaps]
            whole[name] = values
        return whole

    def _write_alike(self, temporary, path, frames, draws, completed):
        import pyarrow

        fields = [self._field(name) for name in (self.names if completed else self.frame)]
        number = [pyarrow.field(DRAW_COLUMN, pyarrow.int64())] * draws
        parts = self._parts(frames, draws, completed)
        write_parquet(temporary, parts, pyarrow.schema(number + fields))

    def _field(self, name):
        """The column's field; one without any value has no type, until a model gives it some."""
        import pyarrow

        own = self._schema.field(name)
        if name not in self._fitted or not pyarrow.types.is_null(own.type):
            return own
        style = self._fitted[name]
        number = pyarrow.int64() if style.whole else pyarrow.float64()
        types = {
            "number": number,
            "category": pyarrow.string(),
            "date": pyarrow.timestamp("us"),
            "time": pyarrow.time64("us"),
            "duration": pyarrow.duration("us"),
        }
        return pyarrow.field(name, types[style.kind])
