"""What a table's size decides, and every number that the training depends on.

Settings move smoothly with the number of rows. A figure beside a number is what was measured for
it: on the tables it names, else on 22 to 38 tables of other trades, two seeds each, that are
reported nowhere. A number without a figure is as it was first chosen, and nothing speaks for it
but that the whole was measured with it.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

# --- Factor analysis, the start.
RANKS = (2, 4, 8, 16, 32)  # tried by held-out likelihood
MIN_RANK_GAIN = 0.002  # nats per held-out cell for which the next rank is tried
MIN_AXIS = 1e-8  # of the largest variance of an axis: below it an axis is no dimension
MAX_RANK_ROWS = 1500  # enough rows to choose a rank
MAX_FACTOR_ROWS, MAX_FACTOR_CODES = 20_000, 2_000_000  # rows, and their codes: bound its seconds
RIDGE = 2.0  # precision of the prior of loadings, in specific variances
MIN_PSI = 1e-4  # of a variance of 1: columns that repeat others stay invertible
FACTOR_SHARE = 0.4  # of max_time, at most

# --- Networks.
# Of all networks, a step. Half of it costs 1.6 % in error where rows are many; where they are few a
# network needs 512: with 256, errors of 8 tables grow by 1.3 %.
FEW_STEP_ROWS, MANY_STEP_ROWS = 1024, 2048
# That are averaged. For means four are not better (within .4 % on 23 tables of up to 2,000 rows)
# and take 1.6 times as long to fit.
MOST_NETWORKS, MOST_GENERATING_NETWORKS = 2, 4
NETWORK_ROWS = 8000  # tables of this many rows have one network, of half of it two
# Likewise for generation. On eight tables of 750 to 3,000 rows generated rows of one network are
# told from real ones less often than those of two to four, by .02 of an AUC, in half the seconds;
# on two of a hundred rows more often.
GENERATING_NETWORK_ROWS = 400
NETWORK_CODES = 256  # likewise for codes: wide tables pay for each network
# The width grows with the logarithm of the rows: narrow up to 75, small from 150 to 1,000, large
# from 10,000. With 64 for 128, errors on two tables of 46 and 69 rows are 3 % lower and a fit takes
# .65 of the seconds; on three of some 150 rows they are 4 % higher. With 192 for 256, errors on six
# tables of 2,600 to 6,000 rows are the same and a fit takes .8 of the seconds, but the levels of
# 20,000 rows are drawn at rates that are off by .035 to .11 (six seeds), not .03 to .065 (four).
NARROW_WIDTH, SMALL_WIDTH, LARGE_WIDTH = 64, 128, 256
NARROW_ROWS, SMALL_ROWS = 75, 150
# A second layer brings nothing on 22 tables of 60 to 6,000 rows and costs half as much again; on
# letter it takes 6 % from the error, on california 1 % (one seed each, which chose it).
SECOND_LAYER_ROWS = 5000
# Of each numeric column. With 8, errors are 1 % lower on five tables of less than 400 rows and 2 %
# higher on four of about a thousand; the first layer has two thirds of the work.
FEWEST_BINS, N_BINS = 8, 16
BIN_ROWS = 32  # at least, beyond the fewest bins
MOST_BINS = 1024  # of all columns together
MIN_BIN_WIDTH = 1e-3  # standard deviations; a narrower bin is a step

# --- What training rows look like.
LOG_SIGMA_MEAN, LOG_SIGMA_SD = -0.5, 1.5  # of noise levels, placed as by Karras et al. 2022
# Of a masked row: 6 cost 1 % in error where rows are many. Draws want the noise to be new, and it
# costs them little: one network has few rows to be masked.
FEW_ROWS_USES, MANY_ROWS_USES = 3, 1
CHUNK_BYTES = 24 * 2**20  # of rows masked ahead: a few batches

# --- Steps.
# Of means. Twice four fifths of the steps were taken away, for 1.5 times the learning rates first,
# then for a rate that falls in a straight line, not as a cosine: each left errors of 20 to 24
# tables of up to 1,900 rows as they were (.8 % lower, .2 % higher), in .86 and .76 of the seconds.
FEWEST_STEPS, SMALL_STEPS, MOST_STEPS = 208, 256, 900
# Rows up to which steps are fewest. On six tables of 140 to 400 rows 300 steps for 400 leave errors
# .4 % lower and take .83 of the seconds; on two of a thousand they cost 1 %.
FEWEST_STEPS_ROWS = 400
# Of large tables, as one model per column would cost, and at least. Twice as many as 45 a column
# lower errors of nine tables of 2,250 to 4,500 rows by 1.8 % (8, 7 and 2 % on three of them, level
# on the others), where held-out rows do not end the training before.
STEPS_PER_COLUMN, LARGE_STEPS = 70, 650
FEW_COLUMNS_STEPS = 3600  # by the number of columns: draws of two have but the shape to get right
LEARNING_RATE, MUON_LEARNING_RATE, WEIGHT_DECAY = 6e-3, 0.045, 0.01
# Newton-Schulz iterations of a step: a third one costs 5 % of the seconds, and brings nothing on
# six tables of 140 to 400 rows (.7 % more error with it), 11 of up to 1,500 (.3 % less) and six of
# 2,600 to 6,000 (.3 % more). A single one, from a closer bound, needs 3 % more steps, and errors of
# tables of 400 to 1,500 rows are .7 % higher with it (18 runs).
MUON_ITERATIONS = 2
WARM_UP = 0.05  # share of the training in which the learning rate rises
# In which it falls to zero, after a plateau. With a fall of .5 errors of 13 tables of 2,200 to
# 8,000 rows are .4 % lower than with a cosine, and within .1 % of those with a fall of .7.
FALL = 0.7
SMALL_EMA_DECAY, LARGE_EMA_DECAY = 0.98, 0.99  # of averaged weights: the ones judged and kept

# --- Generation (n_refreshes > 0): draws of whole rows are what the training is for.
GENERATION_STEPS = 320  # of small tables, before the factor
GENERATION_FACTOR = 2.8  # as many steps
GENERATION_RATE = 2 / 3  # of the learning rates
# Three distributions of 20, 50 and 100 rows, eight seeds each: 250 are level with 400, by the
# energy distance to other rows; 150 are a tenth worse on one.
FEWEST_GENERATION_STEPS = 250
# More of them copy rows, of categories more than of numbers, which are noised: up to twice as many
# where most columns are numbers. Rows of numbers made up by twice the steps are told from real ones
# less often on five tables of 1,600 to 3,000 rows, by .03 of an AUC, not on twelve smaller ones.
MAX_EPOCHS = 500
DROPOUT = 0.4  # of hidden units; keeps it from copying rows of categories
REFRESH_EVALUATIONS = 6  # of the network per drawn row and group of columns
MAX_GROUPS = 8  # of columns that are drawn in turn
# Of the training, before missing cells are drawn for the first time. Networks that learn from their
# own draws again and again drift from the truth: rows that are generated from mixtures with 60 % of
# the cells missing are a quarter farther from it with four draws from .35 on than with one at .6,
# and on eight tables with 45 % they are told from real ones more often, by .015 of an AUC.
WARM_SHARE = 0.6
TRIAL_ROWS = 256  # by which the seconds of a refresh are foretold
MAX_REFRESH_SHARE = 0.25  # of the seconds that are left

# --- Held-out rows, and how far the networks are believed.
HELD_SHARE = 0.1  # of the rows, for each network
MOST_HELD_ROWS = 600  # of each network; all others are for training
MAX_HELD_MASKINGS = 8192  # of all held-out rows together
MAX_CHECKED_CODES = 2_000_000  # of all maskings: bounds their memory
LEAST_ERROR = 1e-6  # of a variance of 1: below it nothing is left to be learnt of a column
MAX_MASKINGS = 24  # of a held-out row
AGREEMENT_ROWS = 512
# Shares of the training after which held-out cells are asked: early, to end what brings nothing.
CHECKPOINTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FEW_ROWS_PATIENCE, MANY_ROWS_PATIENCE = (
    3,
    6,
)  # checkpoints without a change
MIN_CHANGE = 0.04  # of the relative error, times the root of the number of held-out rows
FEWEST_LOOKS = 3  # checkpoints after which a training that has brought nothing at all ends
COOL_DOWN = 0.2  # of the steps so far, in which the learning rate falls to zero before the end
ALPHA_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
# Numeric columns, or categorical ones, that gain less than this on average keep the factor
# analysis: held-out cells are few, and their noise picks the best of ten checkpoints.
MIN_IMPROVEMENT = 0.02
# Likewise for draws of missing cells, whose errors are mostly noise that nobody can foretell.
MIN_DRAW_IMPROVEMENT = 0.002

# --- Donors, the training rows that have a say in means.
MAX_DONOR_ROWS = 4000  # kernel weights cost rows times donors, and large tables need them less
BANDWIDTHS = (0.02, 0.05, 0.1, 0.2)
TRUSTS = tuple(math.exp(power) for power in range(-10, 5, 2))
# Held out from all networks together: of few rows a dozen maskings each.
MAX_ASKED_ROWS, MAX_ASKED_CODES = 2048, 400_000
MIN_DONOR_GAIN = 0.02  # a column that gains less does without donors
MIN_GAIN_ERRORS = 2.5  # standard errors that the gain of a table has to be above
DONOR_CHOICES = 64  # that are averaged, each by other weights of the held-out rows
MIN_DONOR_CHOICES = 0.1  # share of them that has to see a gain anywhere

# --- Replicates of a fit, for inference; docs.benchmarks.inference measures them.
REPLICATE_RIDGE = 0.5  # weaker than that of a fit, whose bias would count where variances do
REPLICATE_MAX_ITER = 300  # steps of EM
REPLICATE_CHANGE = 2e-4  # of any parameter, in standard deviations of a code, at which EM ends


class Mixture(NamedTuple):
    """What training rows look like; every row draws its kind at random.

    mean_share : one-pass rows, whose hidden cells are absent; of the others half are noised
        in all numbers (generation) and half in some (conditioning), at one sigma per row.
    max_hidden : the hidden fraction of a one-pass row is uniform on (0, max_hidden).
    begun_share : one-pass rows that know no number and only the first of their categorical
        columns, as rows do while they are generated.
    completed_share : conditioning rows that come with their missing cells drawn, once there
        are draws. Generation rows and begun ones all do: those that happen to be whole are a
        biased sample. The other one-pass rows never do: means are learnt from what was seen.
    """

    mean_share: float = 0.75
    max_hidden: float = 0.6
    begun_share: float = 0.0
    completed_share: float = 0.6


# One-pass means need most of the rows; draws of whole rows need some more.
FOR_GENERATION = Mixture(mean_share=0.5, begun_share=0.4)


@dataclass(frozen=True)
class Options:
    """What the user may set of a training; None leaves it to the recipe."""

    max_iter: int | None = None
    max_time: float | None = None
    n_refreshes: int = 0
    donors: bool = False
    early_stopping: bool = True  # False: no row is held out, and nothing is judged

    @property
    def for_generation(self) -> bool:
        return self.n_refreshes > 0


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes one training of the default method."""

    max_iter: int
    max_time: float | None
    n_networks: int
    batch_size: int
    hidden_size: int
    n_layers: int
    n_bins: int
    n_uses: int
    held_share: float  # 0: nothing is judged
    patience: int
    n_refreshes: int
    for_generation: bool
    donors: bool
    dropout: float
    mixture: Mixture
    em_max_iter: int
    em_tol: float
    bfloat16: bool
    learning_rate: float
    muon_learning_rate: float | None
    weight_decay: float
    ema_decay: float


def largeness(n_rows: int) -> float:
    """From 0 for tables of up to 1,000 rows to 1 for 10,000, evenly in the logarithm."""
    return min(max(math.log10(max(n_rows, 1)) - 3, 0.0), 1.0)


def between(small: float, large: float, n_rows: int) -> float:
    """A setting on its way from small to large tables."""
    return small + (large - small) * largeness(n_rows)


def width(n_rows: int) -> int:
    """Hidden units of a layer, a multiple of 32."""
    smallness = math.log(SMALL_ROWS / max(n_rows, 1)) / math.log(SMALL_ROWS / NARROW_ROWS)
    less = (SMALL_WIDTH - NARROW_WIDTH) * min(max(smallness, 0.0), 1.0)
    return 32 * round((between(SMALL_WIDTH, LARGE_WIDTH, n_rows) - less) / 32)


def n_networks(n_rows: int, n_codes: int, *, for_generation: bool = False) -> int:
    """Networks that are averaged: as many as the rows are few."""
    most, of_one = MOST_NETWORKS, NETWORK_ROWS
    if for_generation:
        most, of_one = MOST_GENERATING_NETWORKS, GENERATING_NETWORK_ROWS
    by_rows, by_codes = round(of_one / max(n_rows, 1)), NETWORK_CODES // n_codes
    return max(1, min(most, by_rows, by_codes))


def batch_size(n_rows: int, n_networks: int, *, for_generation: bool = False) -> int:
    """Rows of each network, a step."""
    few = FEW_STEP_ROWS
    if for_generation:  # a network that is alone where means have two has no more rows for that
        few, n_networks = few // MOST_NETWORKS, 1
    return max(16, min(round(between(few, MANY_STEP_ROWS, n_rows)) // n_networks, 2 * n_rows))


def n_bins(n_rows: int, n_numeric: int) -> int:
    """Bins of each numeric column: more where each has rows enough."""
    by_rows = min(max(n_rows // BIN_ROWS, FEWEST_BINS), N_BINS)
    return max(2, min(by_rows, MOST_BINS // max(n_numeric, 1)))


def factor_rows(n_codes: int) -> int:
    """Rows that the factor analysis looks at: fewer of wide tables, whose steps are dear."""
    return min(MAX_FACTOR_ROWS, MAX_FACTOR_CODES // n_codes)


def max_epochs(n_columns: int, n_numeric: int) -> float:
    """Of a training for generation, in which networks do not copy rows."""
    return MAX_EPOCHS * (1 + max(2 * n_numeric / max(n_columns, 1) - 1, 0.0))


def n_steps(n_rows: int, n_columns: int, n_numeric: int, options: Options) -> int:
    """Gradient steps, unless held-out cells end the training before."""
    if options.max_iter is not None:
        return options.max_iter
    small, large = GENERATION_STEPS, MOST_STEPS
    if not options.for_generation:
        small = SMALL_STEPS
        large = min(max(STEPS_PER_COLUMN * n_columns, LARGE_STEPS), MOST_STEPS)
    few = FEW_COLUMNS_STEPS // max(n_columns, 2) * largeness(n_rows)
    steps = max(between(small, large, n_rows), few)
    if options.for_generation:  # draws of whole rows have more to learn than means
        epochs = max_epochs(n_columns, n_numeric)
        most = epochs * n_rows / MANY_STEP_ROWS + FEWEST_GENERATION_STEPS
        return round(min(GENERATION_FACTOR * steps, most))
    smallness = math.log(1000 / max(n_rows, 1)) / math.log(1000 / FEWEST_STEPS_ROWS)
    steps -= (SMALL_STEPS - FEWEST_STEPS) * min(max(smallness, 0.0), 1.0)
    return round(steps)


def recipe_for(
    n_rows: int, n_codes: int, n_columns: int, n_numeric: int, options: Options, device: str
) -> Recipe:
    """The training of a table by its size and by what the user has set."""
    for_generation = options.for_generation
    K = n_networks(n_rows, n_codes, for_generation=for_generation)
    has_categories = n_numeric < n_columns
    rate = GENERATION_RATE if for_generation else 1.0
    return Recipe(
        max_iter=n_steps(n_rows, n_columns, n_numeric, options),
        max_time=options.max_time,
        n_networks=K,
        batch_size=batch_size(n_rows, K, for_generation=for_generation),
        hidden_size=width(n_rows),
        n_layers=2 if n_rows >= SECOND_LAYER_ROWS else 1,
        n_bins=n_bins(n_rows, n_numeric),
        n_uses=1 if for_generation else round(between(FEW_ROWS_USES, MANY_ROWS_USES, n_rows)),
        held_share=min(HELD_SHARE, MOST_HELD_ROWS / max(n_rows, 1)) * options.early_stopping,
        patience=round(between(FEW_ROWS_PATIENCE, MANY_ROWS_PATIENCE, n_rows)),
        n_refreshes=options.n_refreshes,
        for_generation=for_generation,
        donors=options.donors,
        dropout=DROPOUT if for_generation and has_categories else 0.0,
        mixture=FOR_GENERATION if for_generation else Mixture(),
        em_max_iter=round(between(200, 50, n_rows)),
        # An early end is a prior that small tables like, and generated rows: three times the first
        # tolerance leaves errors of 15 tables of up to 700 rows as they are (.7 % lower).
        em_tol=1e-4 if for_generation else 10 ** between(-3.5, -6, n_rows),
        bfloat16=device == "cpu" and has_fast_bfloat16(),
        learning_rate=rate * LEARNING_RATE,
        muon_learning_rate=rate * MUON_LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        ema_decay=between(SMALL_EMA_DECAY, LARGE_EMA_DECAY, n_rows),
    )


def has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
