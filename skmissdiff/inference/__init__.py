"""Conclusions from several completed tables.

Complete a table several times with draws, analyse each completed table as if it had never had a
gap, and pool: `pool` and `pool_estimates` by Rubin's rules, `wald`, `lrt` and `pool_chi2` for
hypotheses about several parameters at once. `MIEstimator` does the same for predictions, and
`tipping_point` asks how far from missing at random a conclusion holds.

Names and figures are those of R's mice, with which the tests compare them.
"""

from skmissdiff.inference._chi2 import pool_chi2
from skmissdiff.inference._lrt import lrt
from skmissdiff.inference._mi_estimator import MIEstimator
from skmissdiff.inference._pool import pool, pool_estimates
from skmissdiff.inference._results import JointTest, PooledEstimates
from skmissdiff.inference._tipping_point import TippingPoint, tipping_point
from skmissdiff.inference._wald import wald

__all__ = [
    "JointTest",
    "MIEstimator",
    "PooledEstimates",
    "TippingPoint",
    "lrt",
    "pool",
    "pool_chi2",
    "pool_estimates",
    "tipping_point",
    "wald",
]
