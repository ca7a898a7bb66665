"""Pictures of what an imputer has done, in the manner of scikit-learn's displays.

Each class computes what it shows in ``from_estimator`` or ``from_imputations`` and draws it in
``plot``, as often as wanted. They take matplotlib, in the extra ``plot``.
"""

from skmissdiff.displays._calibration import ImputationCalibrationDisplay
from skmissdiff.displays._distribution import ImputedDistributionDisplay
from skmissdiff.displays._row_imputations import RowImputationsDisplay
from skmissdiff.displays._training import TrainingDisplay

__all__ = [
    "ImputationCalibrationDisplay",
    "ImputedDistributionDisplay",
    "RowImputationsDisplay",
    "TrainingDisplay",
]
