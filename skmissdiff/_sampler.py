"""Generation of complete rows."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_params

from skmissdiff._base import BaseMissDiff
from skmissdiff._diffusion.inference import CALL_ROWS, generate_rows, resolve_device
from skmissdiff._progress import Progress
from skmissdiff._rebuild import build_table
from skmissdiff._row_noise import RowKeys, RowNoise


class MissDiffSampler(BaseMissDiff):
    """Generate complete rows with a diffusion model trained on incomplete ones."""

    def sample(self, n_samples=1, random_state=None):
        """Complete synthetic rows like those of the training table.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: the same rows at every call. Rows are numbered,
            so the first rows of a longer sample are the rows of a shorter one; pass
            another seed for other rows.

        Returns
        -------
        X : ndarray or dataframe of shape (n_samples, n_features_out)
            A table of the kind, names and dtypes seen in `fit`.
        """
        check_is_fitted(self)
        seed = self._seed_of(random_state)
        progress = Progress("Sampling", n_samples, self.verbose)
        pieces = []
        for start in range(0, n_samples, CALL_ROWS):
            stop = min(start + CALL_ROWS, n_samples)
            pieces.append(self._generate(start, stop, seed))
            progress(stop)
        progress.close()
        columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        encoder = self.encoder_
        return build_table(encoder.schema_, columns, encoder.kept_columns_)

    def _generate(self, start, stop, seed):
        """The columns of rows ``start`` to ``stop`` of the endless sample of a seed."""
        noise = RowNoise(RowKeys(seed).of_indices(start, stop), self.encoder_.layout_.n_codes)
        codes = generate_rows(
            self._method(),
            self.denoiser_,
            stop - start,
            noise.normal,
            resolve_device(self.device),
        )
        return self.encoder_.decode(codes, noise.uniform(self.encoder_.layout_.n_columns))

    def to_imputer(self):
        """The same fit as an imputer, without training again.

        Returns
        -------
        imputer : MissDiffImputer
        """
        from skmissdiff._imputer import MissDiffImputer

        return self._shared_with(MissDiffImputer)
