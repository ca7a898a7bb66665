"""Variants of the default method in the imputation benchmark (protocol T).

    python -m docs.benchmarks.variants parts
    python -m docs.benchmarks.variants aggregates

The first takes forests and donors out, then one more part at a time: what is each of them worth?
Every run is a process of its own, so that a part is taken out by replacing it there. The second
compares what a missing cell may be filled with.
"""

import sys
from dataclasses import replace

import torch

from docs.benchmarks import imputation
from docs.benchmarks.imputers import (
    DEFAULT,
    IMPUTERS,
    default,
    default_median,
    factor_analysis,
)
from docs.benchmarks.results import FOLDER
from skmissdiff import MissDiffImputer, _imputer
from skmissdiff._diffusion import denoiser, masked
from skmissdiff._diffusion.factor_analysis import FactorModel
from skmissdiff._diffusion.recipe import Mixture


def without_forests(seed):
    """Networks and donors."""
    _imputer.grown_forests = lambda *arguments: None
    return MissDiffImputer(random_state=seed)


def without_donors(seed):
    """What the other parts are taken out of: the networks and their start."""
    return MissDiffImputer(donors=False, random_state=seed)


def with_recipe(seed, **changes):
    """The default with other settings of the training, whatever the table would have asked for."""
    recipe_for = masked.recipe_for
    masked.recipe_for = lambda *arguments: replace(recipe_for(*arguments), **changes)
    return without_donors(seed)


def start_from_means(seed):
    """Means and variances of the columns instead of a factor analysis."""

    def independent(x, mask, rank, **prior):
        count = mask.sum(0)
        mu = torch.where(mask, x, 0.0).sum(0) / count
        psi = torch.where(mask, (x - mu).square(), 0.0).sum(0) / count
        return FactorModel(mu, x.new_zeros(x.shape[1], rank), psi.clamp_min(1e-4)), []

    masked.choose_rank = lambda *arguments, **options: 1
    masked.fit_factor_analysis = independent
    return without_donors(seed)


def without_bins(seed):
    """Numbers enter the networks as they are: the features of their bins are held at zero."""
    bins = denoiser.piecewise_linear
    denoiser.piecewise_linear = lambda *arguments: 0 * bins(*arguments)
    return without_donors(seed)


def without_median(seed):
    """The median head gets no gradient."""
    loss = masked.masked_loss

    def of_means(output, asked, denoiser):
        kept = torch.ones_like(output)
        _, of_medians = denoiser.parts(kept)
        of_medians.zero_()
        return loss(output * kept, asked, denoiser)

    masked.masked_loss = of_means
    return without_donors(seed)


def one_network(seed):
    return with_recipe(seed, n_networks=1)


def without_selection(seed):
    """No held-out rows: all training steps, and the networks believed in full."""
    return MissDiffImputer(early_stopping=False, random_state=seed)


def without_averaged_weights(seed):
    return with_recipe(seed, ema_decay=0.0)


def without_muon(seed):
    return with_recipe(seed, muon_learning_rate=None)


def without_draws(seed):
    """Every row a one-pass row: a model of means alone."""
    return with_recipe(seed, mixture=Mixture(mean_share=1.0))


def mode(seed):
    return MissDiffImputer(aggregate="mode", random_state=seed)


def one_draw(seed):
    return MissDiffImputer(sample_posterior=True, random_state=seed)


PARTS = {
    DEFAULT: default,
    "without forests": without_forests,
    "without donors and forests": without_donors,
    "factor analysis alone": factor_analysis,
    "means instead of factor analysis": start_from_means,
    "without bins": without_bins,
    "without median head": without_median,
    "one network": one_network,
    "without held-out rows": without_selection,
    "without averaged weights": without_averaged_weights,
    "AdamW instead of Muon": without_muon,
    "without training for draws": without_draws,
}
AGGREGATES = {"mean": default, "median": default_median, "mode": mode, "a draw": one_draw}
TABLES = {
    "parts": (PARTS, ["breast", "wine", "concrete", "libras", "diabetes", "california"]),
    "aggregates": (AGGREGATES, ["wine", "concrete", "california"]),
}


def main(which, arguments=()):
    """Run one of the tables; further arguments are those of the imputation benchmark."""
    variants, datasets = TABLES[which]
    IMPUTERS.clear()
    IMPUTERS.update(variants)
    defaults = ["--datasets", *datasets, "--max-rows", "4000", "--seeds", "3"]
    return imputation.main([*defaults, "--out", str(FOLDER / f"{which}.csv"), *arguments])


if __name__ == "__main__":
    # By its own name, so that the processes of the runs find the functions.
    from docs.benchmarks.variants import main as run

    run(sys.argv[1], sys.argv[2:])
