"""Multiple imputation from replicates of a fit: each completed table from a model of its own."""

import copy

import numpy as np

from skmissdiff._diffusion.inference import resolve_device, train_replicates
from skmissdiff._draws.noise import row_contents
from skmissdiff._methods import paper_method

WAYS = ("none", "bootstrap", "refit")


def check_proper(imputer, proper):
    """Raise if replicates are asked for that cannot be made."""
    if proper not in WAYS:
        raise ValueError(f"proper must be one of {WAYS}, got {proper!r}.")
    if proper != "none" and paper_method(imputer.method) is not None:
        raise ValueError(
            f"proper={proper!r} needs method='masked': the paper's method has no replicates. Use "
            "proper='none', or fit an imputer to each of several bootstrap samples."
        )
    if proper != "none" and imputer._has_weights:
        raise ValueError(
            f"proper={proper!r} fits models to the rows of X, all counting alike, but fit had a "
            "sample_weight. Use proper='none', or fit without it."
        )


def drawing_imputers(imputer, table, n_imputations, seed, proper):
    """An imputer for each completed table, with a model and a seed of its own.

    Parameters
    ----------
    imputer : MissDiffImputer
        Fitted.
    table : Table
        The rows that the replicates are fitted to. Their order does not matter.
    n_imputations : int
    seed : int
    proper : {"bootstrap", "refit"}

    Yields
    ------
    twin : MissDiffImputer
        The imputer with the model of a replicate.
    seed : int
        Of its draws. Replicates that shared one would share the noise of each row.
    """
    encoder = imputer.encoder_
    contents = row_contents(encoder.known_cells(table))
    order = sorted(range(len(contents)), key=contents.__getitem__)
    rows = table.take(np.array(order))
    rng = np.random.default_rng(seed)
    codes = encoder.encode(rows, rng.random((rows.n_rows, encoder.layout_.n_columns)))
    _check_observed(encoder, codes, proper)
    seeds = rng.integers(2**31, size=(n_imputations, 2)).tolist()
    denoisers = train_replicates(
        imputer.denoiser_ if proper == "bootstrap" else None,
        codes,
        encoder.layout_,
        imputer._options(n_refreshes=0, donors=False),
        imputer.validation_loss_curve_,
        [own for own, _ in seeds],
        resolve_device(imputer.device),
    )
    for denoiser, (_, own) in zip(denoisers, seeds, strict=True):
        twin = copy.copy(imputer)
        twin.denoiser_ = denoiser
        yield twin, own


def _check_observed(encoder, codes, proper):
    """Raise if a column that was learnt from has no observed cell here."""
    empty = np.isnan(codes).all(axis=0)
    for j, column in enumerate(encoder.schema_.columns):
        of_column = empty[encoder.layout_.slices[j]]
        if column.n_observed and len(of_column) and of_column.all():
            raise ValueError(
                f"proper={proper!r} fits models to the rows of X, in which "
                f"{encoder.schema_.label(j)} has no observed value. Pass the table that was "
                "fitted, or use proper='none'."
            )
