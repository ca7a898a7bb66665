"""Methods that exist as research code only, written here compactly from their papers.

``CSDI`` has fit and transform (an imputer) as well as sample, ``STaSy`` and ``DiffMean`` have
fit and sample (generators). All take pandas frames of numbers and levels with missing cells,
a ``random_state`` and a ``max_time`` in seconds, after which they make do with what they have.
"""

from docs.benchmarks.baselines.csdi_t import CSDI
from docs.benchmarks.baselines.diff_mean import DiffMean
from docs.benchmarks.baselines.stasy import STaSy

__all__ = ["CSDI", "DiffMean", "STaSy"]
