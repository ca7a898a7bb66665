"""Numeric columns on a common scale."""

import numpy as np
from scipy.stats import norm
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.utils.validation import FLOAT_DTYPES, check_array, check_is_fitted, validate_data

from skmissdiff._encoding.ranks import (
    is_whole,
    known_quantiles,
    known_values,
    largest_density_code,
    log_density,
    normal_code,
    weighted_quantiles,
)
from skmissdiff._support.sklearn_private import StrOptions, fit_context
from skmissdiff._support.unchanged import check_unchanged, parameters
from skmissdiff._support.weights import check_weights

_N_QUANTILES = 1000


class NumericScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Put numeric columns on a common scale, whatever their magnitude.

    The scale is learnt from the observed values of each column; NaN passes through. Constant
    columns become 0. It is scikit-learn's scaler of that name, behind a shift and a power of
    two that keep it away from overflow (values near 1e300) and from cancellation (1e9 + 1e-6).

    Parameters
    ----------
    strategy : {"standard", "quantile", "minmax"}, default="standard"
        - "standard": zero mean and unit variance.
        - "quantile": ranks mapped to the quantiles of a standard normal distribution, equal
          values to the middle of their ranks.
        - "minmax": the observed range becomes 0 to 1.

    Attributes
    ----------
    scaler_ : StandardScaler, QuantileTransformer, MinMaxScaler or None
        The scaler of the columns that vary, None if no column does.
    is_constant_ : ndarray of bool, shape (`n_features_in_`,)
        Columns with at most one distinct observed value.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str, shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all strings.

    See Also
    --------
    TableEncoder : Encode tables with numeric and categorical columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import NumericScaler
    >>> X = [[1.0, 7.0], [np.nan, 7.0], [3.0, 7.0]]
    >>> scaler = NumericScaler().fit(X)
    >>> scaler.transform(X)
    array([[-1.,  0.],
           [nan,  0.],
           [ 1.,  0.]])
    >>> scaler.inverse_transform([[0.0, 0.0]])
    array([[2., 7.]])
    """

    _parameter_constraints: dict = {"strategy": [StrOptions({"standard", "quantile", "minmax"})]}

    def __init__(self, strategy="standard"):
        self.strategy = strategy

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the scale of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.
        y : None
            Ignored, present for the conventions of scikit-learn.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each row counts.

        Returns
        -------
        self : NumericScaler
            The fitted scaler.
        """
        X = self._check(X, reset=True).astype(np.float64)
        weight = check_weights(sample_weight, X)
        if weight is not None:
            X, weight = X[weight > 0], weight[weight > 0]
        observed = ~np.isnan(X)
        known = observed.any(axis=0)
        low = np.where(known, np.min(X, axis=0, initial=np.inf, where=observed), 0.0)
        high = np.where(known, np.max(X, axis=0, initial=-np.inf, where=observed), 0.0)
        # Powers of two are exact: they change the exponent of a number, not its digits.
        self._magnitude = _exponent(np.maximum(np.abs(low), np.abs(high)))
        low, high = np.ldexp(low, -self._magnitude), np.ldexp(high, -self._magnitude)
        self._center = (low + high) / 2
        self._spread = _exponent(np.maximum(high - self._center, self._center - low))
        self.is_constant_ = low == high
        varying = self._unit(X)[:, ~self.is_constant_]
        repeats = weight is not None and is_whole(weight)
        self.scaler_ = None
        if varying.shape[1]:
            scaler = self._make_scaler(len(X))
            knows_weights = weight is not None and self.strategy == "standard"
            given = {"sample_weight": weight} if knows_weights else {}
            self.scaler_ = scaler.fit(varying, **given)
        self._n_observed = (weight @ observed if repeats else observed.sum(axis=0)).astype(int)
        self._fitted_with = parameters(self)
        if self.strategy == "quantile":
            if weight is not None and self.scaler_ is not None:
                self._weigh_quantiles(varying, weight, int(weight.sum()) if repeats else len(X))
            self._known = {
                j: self._known_quantiles(X[:, j], weight)
                for j in np.flatnonzero(~self.is_constant_)
            }
        return self

    def _weigh_quantiles(self, X, weight, n_rows):
        """Give the scaler, which knows no weights, the quantiles of weighted columns."""
        scaler = self.scaler_
        scaler.n_quantiles_ = min(_N_QUANTILES, n_rows)
        scaler.references_ = np.linspace(0, 1, scaler.n_quantiles_)
        quantiles = [
            weighted_quantiles(x[~np.isnan(x)], weight[~np.isnan(x)], scaler.references_)[0]
            for x in X.T
        ]
        scaler.quantiles_ = np.column_stack(quantiles)

    def _known_quantiles(self, x, weight):
        """The values of a column at the ranks, NaN where a rank lies between two."""
        seen, ranks = ~np.isnan(x), self.scaler_.references_
        if weight is None:
            return known_quantiles(x[seen], ranks)
        return weighted_quantiles(x[seen], weight[seen], ranks)[1]

    def transform(self, X):
        """Scale the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_features)
            Scaled numbers, NaN where missing.
        """
        return self._transform(X, 0.5)

    def _transform(self, X, uniforms):
        self._check_ready()
        X = self._check(X, reset=False)
        codes = self._unit(X)
        if self.scaler_ is not None:
            varying = ~self.is_constant_
            uniforms = np.broadcast_to(uniforms, codes.shape)[:, varying]
            with np.errstate(over="ignore"):
                codes[:, varying] = self._scaled(codes[:, varying], uniforms)
        return _finite(codes, X.dtype)

    def _scaled(self, X, uniforms):
        if self.strategy != "quantile":
            return self.scaler_.transform(X)
        # QuantileTransformer sends the least value to the lowest code even if half of the column
        # holds it, as amounts that are mostly zero do.
        return np.column_stack(
            [
                normal_code(x, quantiles, self.scaler_.references_, u)
                for x, quantiles, u in zip(X.T, self.scaler_.quantiles_.T, uniforms.T, strict=True)
            ]
        )

    def jittered(self, X, uniforms):
        """Scale the columns, with values that occur often spread over the ranks they hold.

        A value that fills a share of a column holds that share of the ranks; "quantile" maps
        it to their middle, and this to one of them. So the codes of a column with many equal
        values are normal too. `inverse_transform` brings all of them back to the value. The
        other strategies have no ranks: this is `transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.
        uniforms : ndarray of shape (n_samples, n_features)
            Numbers from 0 to 1: where among its ranks a value goes.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_features)
            Scaled numbers, NaN where missing.
        """
        return self._transform(X, uniforms)

    def inverse_transform(self, X):
        """Bring codes back to the scale of the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled numbers, NaN where missing.

        Returns
        -------
        values : ndarray of shape (n_samples, n_features)
            Numbers, NaN where missing.
        """
        self._check_ready()
        with np.errstate(invalid="ignore"):
            X = check_array(X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan", input_name="X")
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but NumericScaler is expecting "
                f"{self.n_features_in_} features as input."
            )
        values = X.astype(np.float64)
        with np.errstate(over="ignore"):
            if self.scaler_ is not None:
                varying = ~self.is_constant_
                values[:, varying] = self.scaler_.inverse_transform(values[:, varying])
            values = _finite(np.ldexp(values, self._spread), np.float64) + self._center
            values = np.ldexp(values, self._magnitude)
        if self.strategy == "quantile":
            # Shift and power of two cost the last digits, and values that are equal have to
            # come back as they are.
            for j, known in self._known.items():
                exact = known_values(X[:, j], known, self.scaler_.references_)
                values[:, j] = np.where(np.isnan(exact), values[:, j], exact)
        return _finite(values, X.dtype)

    def log_slope(self, X, uniforms):
        """Log of how much a code changes per unit of its column, which scales densities.

        Under "quantile" a value that holds a twentieth of its column or more, as zeros of an
        amount do, stands for its ranks: it gets what turns the density of its code into a
        probability. For others it is a slope over a window of ranks, and exponential tails
        beyond the observed range. It goes with codes within `density_limits`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.
        uniforms : ndarray of shape (n_samples, n_features)
            As in `jittered`.

        Returns
        -------
        log_slope : ndarray of shape (n_samples, n_features)
            0 for missing cells and constant columns.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        slope = np.zeros(X.shape)
        varying = np.flatnonzero(~self.is_constant_)
        powers = np.log(2) * (self._magnitude + self._spread)
        unit, limits = self._unit(X), self.density_limits()
        for place, j in enumerate(varying):
            if self.strategy == "quantile":
                quantiles, ranks = self.scaler_.quantiles_[:, place], self.scaler_.references_
                density, is_share = log_density(unit[:, j], quantiles, ranks, self._n_observed[j])
                code = normal_code(unit[:, j], quantiles, ranks, uniforms[:, j])
                code = code.clip(-limits[j], limits[j])
                slope[:, j] = density - np.where(is_share, 0.0, powers[j]) - norm.logpdf(code)
            else:
                scale = self.scaler_.scale_[place]
                factor = 1 / scale if self.strategy == "standard" else scale
                slope[:, j] = np.log(factor) - powers[j]
        return np.where(np.isnan(X), 0.0, slope)

    def density_limits(self):
        """Largest absolute code of each column whose density `log_slope` scales.

        Returns
        -------
        limits : ndarray of shape (n_features,)
            Under "quantile" the code above which half a value's share lies, else infinite.
        """
        check_is_fitted(self)
        if self.strategy != "quantile":
            return np.full(self.n_features_in_, np.inf)
        return largest_density_code(np.maximum(self._n_observed, 2))

    def _check_ready(self):
        check_is_fitted(self)
        check_unchanged(self, self._fitted_with, parameters(self))

    def _check(self, X, reset):
        # Validation adds numbers up, and meets inf - inf where they are huge.
        with np.errstate(invalid="ignore"):
            return validate_data(
                self, X, reset=reset, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan"
            )

    def _unit(self, X):
        """Return the columns shifted and scaled into about -1 to 1, as float64."""
        with np.errstate(over="ignore"):
            shifted = np.ldexp(X.astype(np.float64), -self._magnitude) - self._center
            return _finite(np.ldexp(shifted, -self._spread), np.float64)

    def _make_scaler(self, n_rows):
        if self.strategy == "standard":
            scaler = StandardScaler()
        elif self.strategy == "minmax":
            scaler = MinMaxScaler()
        else:
            scaler = QuantileTransformer(
                n_quantiles=min(_N_QUANTILES, n_rows),
                output_distribution="normal",
                subsample=None,  # all rows, so that nothing is left to chance
            )
        return scaler.set_output(transform="default")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _exponent(values):
    """Return the exponent that brings each value between 0.5 and 1, 0 for 0."""
    return np.frexp(values)[1]


def _finite(values, dtype):
    """Return values in the dtype, the largest number where they are beyond it."""
    limits = np.finfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype, copy=False)
