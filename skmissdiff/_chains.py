"""Chains of trees and regressions beside a fitted network: the rows they are grown on."""

import numpy as np

from skmissdiff._diffusion.inference import in_calls
from skmissdiff._draws.chain import MOST_LEVELS, Chain, chosen_rows
from skmissdiff._draws.noise import RowKeys, RowNoise


def codes_of_chain(table, encoder, seed):
    """Training rows of which a chain is grown, and which of them are no copies.

    Returns
    -------
    codes : ndarray of shape (n_rows, n_codes) or None
        None for a table without numbers.
    distinct : ndarray of int or None
        None where all rows are, but for those that are equal in the table.
    """
    layout = encoder.layout_
    if not len(layout.numeric_codes):
        return None, None
    rng = np.random.default_rng([seed, table.n_rows])
    rows = chosen_rows(table.n_rows, layout.n_codes, table.weight, rng)
    of_table, distinct = np.unique(rows, return_index=True)
    # In double precision: what is drawn is the number that a training row has.
    return encoder.encode(table.take(rows)), None if len(of_table) == len(rows) else distinct


def filled(codes, model, seed):
    """Rows (n_rows, n_codes) whose gaps hold a draw of the networks."""
    keys, completed = RowKeys(seed).of_indices(0, len(codes)), codes.copy()
    incomplete = np.flatnonzero(np.isnan(codes).any(axis=1))
    for rows, _ in in_calls(len(incomplete)):
        rows = incomplete[rows]
        noise = RowNoise(keys[rows], model.n_noise(codes.shape[1]))
        completed[rows] = model.draw(completed[rows], noise.normal)
    return completed


def grown_chain(codes, model, layout, seed, **options):
    """A chain grown on rows whose gaps the networks fill with a draw.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
        Rows, NaN where there is a gap.
    model : Model
        The network that fills gaps.
    layout : CodeLayout
    seed : int
        Of these draws, and of the trees.
    **options : object
        Of the `Chain`.
    """
    completed, known = filled(codes, model, seed), ~np.isnan(codes)
    numbers = layout.numeric_codes
    categories = [s for s in layout.category_slices if s.stop - s.start <= MOST_LEVELS]
    first = np.array([codes.start for codes in categories], dtype=int)
    denoiser = model.denoiser
    of_numbers = denoiser.alpha_noised.cpu().numpy()[numbers]
    belief = np.concatenate([of_numbers, denoiser.alpha_mean.cpu().numpy()[first]])
    rng = np.random.default_rng(seed)
    options |= {"belief": belief, "idle": layout.idle(completed)}
    return Chain(completed, known, numbers, categories, rng, **options)
