"""Diffusion models trained directly on tables with missing values."""

from importlib import import_module

__version__ = "0.2.0"

# The public names and the modules that hold them. They are imported when first used:
# `import skmissdiff` alone loads neither torch nor a frame library.
_MODULES = {
    "MissDiffImputer": "_imputer",
    "MissDiffSampler": "_sampler",
    "PaperMethod": "_methods",
    "Combinations": "_relations.blocks",
    "Computed": "_relations.computed",
    "FixedSum": "_relations.sums",
    "OneHot": "_relations.blocks",
    "Order": "_relations.order",
    "find_relations": "_relations.found",
    "NumericScaler": "_encoding.scaling",
    "TableEncoder": "_encoding.encoder",
}

# Public modules, imported in the same way.
_SUBMODULES = {"displays", "inference", "metrics", "missingness", "report"}

__all__ = ["__version__", *_MODULES, *sorted(_SUBMODULES)]


def __getattr__(name):
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return sorted(__all__)
