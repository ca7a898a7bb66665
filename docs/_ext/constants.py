"""Numbers of the code in the pages: ``|NAME|`` stands for what the code has, read when built.

To add one, name it here and write ``|NAME|`` where the page needs it. A constant that has moved
breaks the build, and `tests/test_pages.py`, until its new place is named here.
"""

from importlib import import_module

# Name in the pages: module below skmissdiff, constant, and how it is written.
CONSTANTS = {
    "N_BINS": ("_diffusion.recipe", "N_BINS", "{:,}"),
    "NETWORK_ROWS": ("_diffusion.recipe", "NETWORK_ROWS", "{:,}"),
    "MOST_NETWORKS": ("_diffusion.recipe", "MOST_NETWORKS", "{:,}"),
    "MOST_GENERATING_NETWORKS": ("_diffusion.recipe", "MOST_GENERATING_NETWORKS", "{:,}"),
    "GENERATING_NETWORK_ROWS": ("_diffusion.recipe", "GENERATING_NETWORK_ROWS", "{:,}"),
    "WARM_SHARE": ("_diffusion.recipe", "WARM_SHARE", "{:.0%}"),
    "MAX_DONOR_ROWS": ("_diffusion.recipe", "MAX_DONOR_ROWS", "{:,}"),
    "MIN_IMPROVEMENT": ("_diffusion.recipe", "MIN_IMPROVEMENT", "{:.0%}"),
    "MIN_DONOR_GAIN": ("_diffusion.recipe", "MIN_DONOR_GAIN", "{:.0%}"),
    "DONOR_CHOICES": ("_diffusion.recipe", "DONOR_CHOICES", "{:g}"),
    "MIN_GAIN_ERRORS": ("_diffusion.recipe", "MIN_GAIN_ERRORS", "{:g}"),
    "SIGMA_MAX": ("_diffusion.sampling", "SIGMA_MAX", "{:g}"),
    "SIGMA_MIN": ("_diffusion.sampling", "SIGMA_MIN", "{:g}"),
    "SCORE_LEVELS": ("_diffusion.likelihood", "N_LEVELS", "{:g}"),
    "SCORE_SIGMA_LOW": ("_diffusion.likelihood", "SIGMA_LOW", "{:g}"),
    "SCORE_SIGMA_HIGH": ("_diffusion.likelihood", "SIGMA_HIGH", "{:g}"),
    "GAP_ROWS": ("_draws.gaps", "MAX_ROWS", "{:,}"),
    "GAP_PENALTY": ("_draws.gaps", "_C", "{:g}"),
    "GAP_PREDICTORS": ("_draws.gaps", "_MAX_PREDICTORS", "{:g}"),
    "FOREST_TREES": ("_draws.forest", "N_TREES", "{:g}"),
    "FOREST_TREE_ROWS": ("_draws.forest", "MOST_TREE_ROWS", "{:,}"),
    "FOREST_LEVELS": ("_draws.chain", "MOST_LEVELS", "{:,}"),
    "FOREST_PRIOR_SHARE": ("_forests", "PRIOR_SHARE", "{:g}"),
    "FOREST_PRIOR_CELLS": ("_forests", "PRIOR_CELLS", "{:,}"),
    "LEAF_SHARE": ("_draws.choices", "SHARE", "{:g}"),
    "LEAF_ROUNDS": ("_draws.chain", "N_ROUNDS", "{:g}"),
    "LEAF_SETS": ("_draws.chain", "N_SETS", "{:g}"),
    "LEAF_BURN_IN": ("_draws.chain", "BURN_IN", "{:g}"),
    "LEAF_TABLE_ROWS": ("_draws.chain", "MOST_ROWS", "{:,}"),
    "LEAST_TIE": ("_encoding.ranks", "_LEAST_TIE", "{:.0%}"),
}


def text_of(name):
    """What ``|name|`` stands for, such as "2,000" or "1 %"."""
    module, constant, form = CONSTANTS[name]
    value = getattr(import_module(f"skmissdiff.{module}"), constant)
    return form.format(value).replace("%", " %")


def substitutions():
    """The definitions, as reStructuredText for every page."""
    return "\n".join(f".. |{name}| replace:: {text_of(name)}" for name in CONSTANTS) + "\n"
