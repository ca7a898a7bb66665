"""Tables as codes: one number per numeric column, one code per category of a categorical one."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skmissdiff._encoding.categories import (
    count_categories,
    decode_categories,
    distinct_names,
    encode_categories,
    is_among,
    log_shares,
    share_codes,
    shared_code,
)
from skmissdiff._encoding.cell_errors import constant_errors
from skmissdiff._encoding.constraints import (
    allowed_values,
    avoid_marker,
    column_ranges,
    constrained,
    stand_ins,
)
from skmissdiff._encoding.dependencies import (
    decode_values,
    dependent_numbers,
    encode_values,
    log_shares_of_unseen,
)
from skmissdiff._encoding.scaling import NumericScaler
from skmissdiff._encoding.spikes import find_spike
from skmissdiff._support.caller import warn
from skmissdiff._support.layout import CodeLayout
from skmissdiff._support.sklearn_private import (
    Interval,
    MissingValues,
    StrOptions,
    check_feature_names_in,
    fit_context,
)
from skmissdiff._support.unchanged import check_unchanged, parameters
from skmissdiff._table.frames import is_nan_like, validate_table, weighed_rows
from skmissdiff._table.rebuild import build_table, default_value

# Codes beyond this many standard deviations carry no information that a model could use, and
# overflow in float32. No value seen in fit reaches it in fewer than 1e8 rows.
_LARGEST_CODE = 1e4
_N_EXAMPLES = 3


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a table with numeric and categorical columns and missing cells as numbers.

    A numeric column becomes one scaled code, a categorical column one code per category seen in
    `fit`. All codes of a missing cell are NaN. A column without any observed value has no code.

    Parameters
    ----------
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns hold categories rather than numbers: by dtype (category, string and
        boolean columns), none, or indices, names or a boolean mask.
    scaling : {"standard", "quantile", "minmax"}, default="standard"
        The scale of numeric columns, see `NumericScaler`.
    max_categories : int or None, default=100
        Categories of a column that are kept apart; rarer ones share one code and come back
        as real ones at their rate. None means no limit.
    missing_values : number, str, None or np.nan, default=np.nan
        What stands for a missing cell. Null cells of a frame are missing in any case.
    bounds : None, "observed", (low, high) or dict, default=None
        Range of the numbers that come out: any, that of the observed values of each
        column, a pair in which None means no bound, or one of these per column by name or
        index.
    snap : bool, "whole" or array-like, default=False
        Whether the numbers that come out are the nearest ones observed in `fit`: in every
        numeric column, or in those named. "whole": the nearest whole ones, in columns that held
        nothing else, whatever their dtype.
    functional_dependencies : bool, default=False
        Whether a number of few values that a categorical column tells, such as the years
        beside the name of a degree, becomes one code per value, as categories do. Other
        numbers in such a column count as the nearest one.
    spikes : bool, default=False
        Whether a value that fills a fifth of a numeric column or more, as zeros of amounts do,
        gets a code of its own, beside one for all others and that of their number. Not where
        ``scaling="quantile"``, whose ranks keep such values.
    keep_empty_features : bool, default=False
        Whether columns without any observed cell in `fit` are kept, filled with a constant
        as in `sklearn.impute.SimpleImputer`, or dropped.

    Attributes
    ----------
    layout_ : CodeLayout
        Which codes belong to which column.
    categories_ : list of (ndarray or None)
        The categories of each categorical column, None for the others and for columns of names
        and the like, which are left out.
    infrequent_categories_ : list of (ndarray or None)
        The categories that share the last code of their column, None where none do.
    scaler_ : NumericScaler or None
        The scaler of the numeric columns, None if there are none.
    schema_ : TableSchema
        Kinds, names and dtypes of the table.
    kept_columns_ : ndarray of bool, shape (`n_features_in_`,)
        The columns that come out of `inverse_transform`.
    constant_errors_ : ndarray of shape (`n_features_in_`,)
        Error of a constant fill of each column: its standard deviation, or the error rate of its
        most frequent category.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str, shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all strings.

    See Also
    --------
    NumericScaler : Scale numeric columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import TableEncoder
    >>> X = [[20.0, "red"], [np.nan, "blue"], [40.0, None]]
    >>> encoder = TableEncoder().fit(X)
    >>> encoder.get_feature_names_out()
    array(['x0', 'x1_blue', 'x1_red'], dtype=object)
    >>> encoder.transform(X)
    array([[-1.,  0.,  1.],
           [nan,  1.,  0.],
           [ 1., nan, nan]])
    >>> encoder.inverse_transform([[0.0, 0.2, 0.8]])
    array([[30.0, 'red']], dtype=object)
    """

    _parameter_constraints: dict = {
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "scaling": [StrOptions({"standard", "quantile", "minmax"})],
        "max_categories": [Interval(Integral, 2, None, closed="left"), None],
        "missing_values": [MissingValues()],
        "bounds": [dict, tuple, list, StrOptions({"observed"}), None],
        "snap": ["boolean", StrOptions({"whole"}), "array-like"],
        "functional_dependencies": ["boolean"],
        "spikes": ["boolean"],
        "keep_empty_features": ["boolean"],
    }

    def __init__(
        self,
        *,
        categorical_features="from_dtype",
        scaling="standard",
        max_categories=100,
        missing_values=np.nan,
        bounds=None,
        snap=False,
        functional_dependencies=False,
        spikes=False,
        keep_empty_features=False,
    ):
        self.categorical_features = categorical_features
        self.scaling = scaling
        self.max_categories = max_categories
        self.missing_values = missing_values
        self.bounds = bounds
        self.snap = snap
        self.functional_dependencies = functional_dependencies
        self.spikes = spikes
        self.keep_empty_features = keep_empty_features

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the kinds, the categories and the scales of the columns.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table.
        y : None
            Ignored, present for the conventions of scikit-learn.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each row counts.

        Returns
        -------
        self : TableEncoder
            The fitted encoder.
        """
        X, weight = weighed_rows(X, sample_weight)
        table = validate_table(
            self,
            X,
            reset=True,
            missing_values=self.missing_values,
            categorical_features=self.categorical_features,
        )
        return self.fit_table(replace(table, weight=weight))

    def fit_table(self, table):
        """Learn from a table that is read and checked already.

        Parameters
        ----------
        table : Table
            What `validate_table` returns, or a sample of rows: scales are then those of the
            sample, categories, counts and extremes those of all rows.

        Returns
        -------
        self : TableEncoder
            The fitted encoder.
        """
        schema = table.schema
        observed = np.array([column.n_observed > 0 for column in schema.columns])
        left_out = np.array([column.is_left_out for column in schema.columns])
        known = observed & ~left_out
        categorical = np.asarray(schema.is_categorical)
        self._ranges = column_ranges(schema, self.bounds)
        self._observed = allowed_values(table, self.snap, self._ranges)
        self._stand_ins = stand_ins(table, self.missing_values, self._ranges)
        self.schema_ = schema
        self.kept_columns_ = observed | self.keep_empty_features
        self.categories_ = [None] * table.n_columns
        self._category_counts = [None] * table.n_columns
        self._code_of_category = [None] * table.n_columns
        widths = known.astype(int)
        for j in np.flatnonzero(categorical & ~left_out):
            column, values = schema.columns[j], table.columns[j]
            levels = None if table.exact is None else table.exact.levels[j]
            categories, counts = count_categories(column, values, levels, table.weight)
            self.categories_[j], self._category_counts[j] = categories, counts
            is_seen = None if levels is None else is_among(categories, values)
            self._code_of_category[j] = share_codes(counts, self.max_categories, is_seen)
            widths[j] = self._code_of_category[j].max(initial=-1) + 1
        self._values = [None] * table.n_columns
        if self.functional_dependencies:
            self._values = dependent_numbers(table, self.max_categories)
            widths = np.array(
                [w if v is None else len(v) for w, v in zip(widths, self._values, strict=True)]
            )
        one_hot = categorical | [values is not None for values in self._values]
        self._numeric = np.flatnonzero(known & ~one_hot)
        self._spikes = self._find_spikes(table)
        spiked = [spike is not None for spike in self._spikes]
        widths[spiked] = 3
        self.layout_ = CodeLayout(tuple(widths.tolist()), tuple(one_hot.tolist()), tuple(spiked))
        self.scaler_ = None
        if len(self._numeric):
            scaler = NumericScaler(self.scaling).set_output(transform="default")
            numbers = self._numbers(table)
            if table.is_sample and self.scaling != "standard":
                numbers = np.vstack([numbers, self._extremes(schema)])
            self.scaler_ = scaler.fit(numbers, sample_weight=table.weight)
        self.constant_errors_ = constant_errors(table, self._category_counts)
        self._fitted_with = parameters(self)
        return self

    def _find_spikes(self, table):
        """The spike of each column, None for most."""
        found = [None] * table.n_columns
        if not self.spikes or self.scaling == "quantile":
            return found
        for j in self._numeric:
            seen = ~table.missing[:, j]
            weight = None if table.weight is None else table.weight[seen]
            found[j] = find_spike(table.columns[j][seen], weight, self._ranges[j])
        return found

    def transform(self, X):
        """Encode a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_codes)
            NaN where a cell is missing or a category was not seen in `fit`.
        """
        check_is_fitted(self)
        check_unchanged(self, self._fitted_with, parameters(self))
        table = validate_table(
            self, X, reset=False, missing_values=self.missing_values, schema=self.schema_
        )
        self.warn_unseen(table)
        return self.encode(table)

    def inverse_transform(self, X):
        """Decode codes to a table of the kind seen in `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_codes)
            Codes. The largest one of a categorical column decides; NaN gives a missing cell.

        Returns
        -------
        table : ndarray or dataframe of shape (n_samples, n_features_out)
            With the library, the names and the dtypes of the table in `fit`.
        """
        check_is_fitted(self)
        check_unchanged(self, self._fitted_with, parameters(self))
        n_codes = self.layout_.n_codes
        codes = check_array(
            X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_features=0
        )
        if codes.shape[1] != n_codes:
            raise ValueError(
                f"X has {codes.shape[1]} features, but TableEncoder is expecting {n_codes} "
                "codes as input."
            )
        return build_table(self.schema_, self.decode(codes), self.kept_columns_)

    def get_feature_names_out(self, input_features=None):
        """Names of the codes, such as "age" and "sex_male".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns, checked against those seen in `fit`.

        Returns
        -------
        feature_names_out : ndarray of str
        """
        check_is_fitted(self)
        names = []
        for j, name in enumerate(check_feature_names_in(self, input_features)):
            if self._values[j] is not None:
                column = self.schema_.columns[j]
                names += [f"{name}_{column.text(value)}" for value in self._values[j]]
                continue
            if self._spikes[j] is not None:
                value = self.schema_.columns[j].text(self._spikes[j].value)
                names += [f"{name}_{value}", f"{name}_other", name]
                continue
            if not self.schema_.columns[j].is_categorical:
                names += [name] * self.layout_.widths[j]
                continue
            if self.categories_[j] is None:
                continue
            shared = shared_code(self._code_of_category[j])
            for code in range(self.layout_.widths[j]):
                category = self.categories_[j][self._code_of_category[j] == code][0]
                names.append(f"{name}_{'infrequent' if code == shared else category}")
        return np.array(distinct_names(names), dtype=object)

    @property
    def infrequent_categories_(self):
        """The categories that share the last code of their column."""
        check_is_fitted(self)
        infrequent = [None] * self.layout_.n_columns
        for j, codes in enumerate(self._code_of_category):
            shared = None if codes is None else shared_code(codes)
            if shared is not None:
                infrequent[j] = self.categories_[j][codes == shared]
        return infrequent

    def encode(self, table, uniforms=None):
        """Encode a table that is read and checked already.

        Parameters
        ----------
        table : Table
            A category that was not seen in `fit` counts as unknown, without being listed in
            ``table.missing``. Numbers far beyond those seen in `fit` get the largest code.
        uniforms : ndarray of shape (n_rows, n_columns), optional
            Numbers from 0 to 1 that spread equal numbers over the codes they stand for, where
            ``scaling="quantile"``; see `NumericScaler.jittered`.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            NaN where unknown.
        """
        codes = np.empty((table.n_rows, self.layout_.n_codes))
        if self.scaler_ is not None and table.n_rows:
            numbers = self._numbers(table)
            if uniforms is None:
                scaled = self.scaler_.transform(numbers)
            else:
                scaled = self.scaler_.jittered(numbers, uniforms[:, self._numeric])
            # What did not vary in fit has taught a model nothing.
            scaled[:, self.scaler_.is_constant_] *= 0.0
            codes[:, self.layout_.numeric_codes] = scaled.clip(-_LARGEST_CODE, _LARGEST_CODE)
        for j, codes_of_column in enumerate(self.layout_.slices):
            values, out = table.columns[j], codes[:, codes_of_column]
            if self._spikes[j] is not None:
                self._spikes[j].encode(values, out[:, :2])
            elif self._values[j] is not None:
                encode_values(values, self._values[j], out)
            elif self.categories_[j] is not None and out.shape[1] > 0:
                encode_categories(values, self.categories_[j], self._code_of_category[j], out)
        return codes

    def decode(self, codes, uniforms=None, how="mode"):
        """Return the values of each column, where codes are known.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            NaN gives NaN or None.
        uniforms : ndarray of shape (n_rows, n_columns), optional
            Numbers from 0 to 1 by which one of the categories that share a code is drawn, as often
            as it was seen in `fit`. Without them it is the most frequent one, and the codes
            are taken for point estimates.
        how : {"mean", "median", "mode"}, default="mode"
            What becomes of numbers that are kept as categories, whose codes are their shares.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            float64 for numeric columns, object for categorical ones. The default value of
            columns never observed.
        """
        codes = np.asarray(codes, dtype=np.float64)
        numbers = iter(())
        if self.scaler_ is not None:
            scaled = codes[:, self.layout_.numeric_codes]
            scaled[:, self.scaler_.is_constant_] *= 0.0  # no noise where nothing ever varied
            numbers = iter((self.scaler_.inverse_transform(scaled) if len(codes) else scaled).T)
        values = []
        for j, column in enumerate(self.schema_.columns):
            if self.layout_.widths[j] == 0:
                dtype = object if column.is_categorical else np.float64
                values.append(np.full(len(codes), default_value(column), dtype=dtype))
            elif column.is_categorical:
                values.append(
                    decode_categories(
                        codes[:, self.layout_.slices[j]],
                        self.categories_[j],
                        self._category_counts[j],
                        self._code_of_category[j],
                        None if uniforms is None else uniforms[:, j],
                    )
                )
            else:
                one_hot = codes[:, self.layout_.slices[j]]
                if self._values[j] is not None:
                    decoded = decode_values(one_hot, self._values[j], how)
                elif self._spikes[j] is not None:
                    decoded = self._spikes[j].decode(one_hot[:, :2], next(numbers), how)
                else:
                    decoded = next(numbers)
                allowed = constrained(
                    decoded,
                    column,
                    self._ranges[j],
                    self._observed[j],
                    as_whole=uniforms is not None or self._wants_whole,
                )
                values.append(
                    avoid_marker(allowed, column, self.missing_values, self._stand_ins[j])
                )
        return values

    def encode_for_density(self, table, uniforms):
        """Encode a table, and return what turns densities of its codes into those of its values.

        Parameters
        ----------
        table : Table
            What `validate_table` returns.
        uniforms : ndarray of shape (n_rows, n_columns)
            As in `encode`.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            As those of `encode`, but for extremes: their codes have a density.
        log_volume : ndarray of shape (n_rows,)
            Summed over the observed cells: the log of the slope of numeric codes, the log of a
            category's share among those that have the same code, and the log probability of a
            value that was not seen in `fit` where numbers are kept as categories.
        """
        codes = self.encode(table, uniforms)
        total = np.zeros(table.n_rows)
        if self.scaler_ is not None:
            limits = self.scaler_.density_limits()
            numbers = self.layout_.numeric_codes
            codes[:, numbers] = codes[:, numbers].clip(-limits, limits)
            slopes = self.scaler_.log_slope(self._numbers(table), uniforms[:, self._numeric])
            total += slopes.sum(axis=1)
        for j, distinct in enumerate(self._values):
            if distinct is not None:
                n_observed = self.schema_.columns[j].n_observed
                total += log_shares_of_unseen(table.columns[j], distinct, n_observed)
        for j, categories in enumerate(self.categories_):
            if categories is None or shared_code(self._code_of_category[j]) is None:
                continue
            shares = log_shares(self._category_counts[j], self._code_of_category[j])
            share_of = dict(zip(categories, shares, strict=True))
            total += [share_of.get(value, 0.0) for value in table.columns[j]]
        return codes, total

    def known_cells(self, table):
        """Return the columns of a `Table`, None where a category was not seen in `fit`.

        Parameters
        ----------
        table : Table
            What `validate_table` returns.

        Returns
        -------
        columns : list of ndarray of shape (n_rows,)
        """
        columns = list(table.columns)
        for j, categories in enumerate(self.categories_):
            if categories is not None:
                known = set(categories)
                columns[j] = np.empty(table.n_rows, dtype=object)
                columns[j][:] = [v if v in known else None for v in table.columns[j]]
        return columns

    def warn_unseen(self, table):
        """Warn once if categorical columns hold categories that were not seen in `fit`.

        Parameters
        ----------
        table : Table
            What `validate_table` returns.

        Returns
        -------
        has_warned : bool
        """
        found = []
        for j, categories in enumerate(self.categories_):
            if categories is None or self.layout_.widths[j] == 0:
                continue
            unseen = dict.fromkeys(table.columns[j])
            known = set(categories)
            unseen = [v for v in unseen if v is not None and v not in known]
            if unseen:
                examples = ", ".join(map(repr, unseen[:_N_EXAMPLES]))
                more = ", ..." if len(unseen) > _N_EXAMPLES else ""
                found.append(f"{self.schema_.label(j)} ({examples}{more})")
        if found:
            warn(
                f"Found categories that were not seen in fit, in {'; '.join(found)}. They are "
                "kept as they are and treated as unknown."
            )
        return bool(found)

    def _extremes(self, schema):
        """The least and the largest number of all rows, of which a sample need not have them."""
        columns = [schema.columns[j] for j in self._numeric]
        return [[c.minimum for c in columns], [c.maximum for c in columns]]

    @property
    def _wants_whole(self):
        return isinstance(self.snap, str)  # which is "whole"

    def _numbers(self, table):
        """The numeric columns, without the values that have a code of their own."""
        columns = [table.columns[j] for j in self._numeric]
        for place, j in enumerate(self._numeric):
            if self._spikes[j] is not None:
                columns[place] = self._spikes[j].others(columns[place])
        return np.column_stack(columns)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_nan_like(self.missing_values)
        return tags
