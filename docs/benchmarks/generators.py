"""The generators that are compared: every one is built for a seed and has fit and sample.

To add a row, write a function of the seed that returns such an object and name it in
``GENERATORS``. What not everybody has installed is imported in its function.
"""

from docs.benchmarks.limits import training_seconds
from docs.benchmarks.pinned import PinnedPeer
from skmissdiff import MissDiffSampler

# Not a generator: the training rows themselves, before cells were hidden.
CEILING = "real rows (ceiling)"


def diff_mean(seed):
    """A plain diffusion model of mean-imputed rows."""
    from docs.benchmarks.baselines import DiffMean

    return DiffMean(random_state=seed, max_time=training_seconds())


def stasy_mean(seed):
    """Kim et al. 2023, on mean-imputed rows."""
    from docs.benchmarks.baselines import STaSy

    return STaSy(random_state=seed, max_time=training_seconds())


def csdi_t(seed):
    """Zheng and Charoenphakdee 2022, with every cell to be drawn."""
    from docs.benchmarks.baselines import CSDI

    return CSDI(random_state=seed, max_time=training_seconds())


def tvae(seed):
    """Xu et al. 2019; complete rows only."""
    return PinnedPeer("TVAE", seed)


def ctgan(seed):
    """Xu et al. 2019; complete rows only."""
    return PinnedPeer("CTGAN", seed)


def forest_diffusion(seed):
    """Jolicoeur-Martineau et al. 2024, flow matching."""
    return PinnedPeer("ForestDiffusion, generation", seed)


def unmasking_trees(seed):
    """McCarter 2024."""
    return PinnedPeer("UnmaskingTrees", seed)


def missdiff(seed):
    """The paper's method."""
    return MissDiffSampler("missdiff", scaling="standard", random_state=seed)


def default(seed):
    return MissDiffSampler(random_state=seed)


DEFAULT = "skmissdiff"
GENERATORS = {
    CEILING: None,
    "Diff-mean": diff_mean,
    "STaSy-mean": stasy_mean,
    "CSDI_T": csdi_t,
    "TVAE": tvae,
    "CTGAN": ctgan,
    "ForestDiffusion": forest_diffusion,
    "UnmaskingTrees": unmasking_trees,
    "skmissdiff, missdiff": missdiff,
    DEFAULT: default,
}
# The rows of the paper's table, and those of the table of complete data.
INCOMPLETE = [CEILING, "Diff-mean", "STaSy-mean", "CSDI_T", "skmissdiff, missdiff", DEFAULT]
COMPLETE = [
    *(CEILING, "TVAE", "CTGAN", "ForestDiffusion", "UnmaskingTrees"),
    *("skmissdiff, missdiff", DEFAULT),
]
