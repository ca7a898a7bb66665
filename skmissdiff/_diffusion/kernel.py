"""Donors: training rows that resemble a row have a say in its means.

Kernel regression (Nadaraya 1964, Watson 1964) on incomplete rows. A network smooths: where rows
come twice, or nearly so, it passes near the value that the other row simply has.

The weight of donor t for a row x is a product over the codes that both know,

    w_t(x) = 1/n prod_c exp(-(x_c - t_c)^2 / (2 h_c^2)) / p_c(x_c),

with p_c(x_c) the share of donors within h_c of x_c, one counted more: to agree on what is rare
says more. The networks count as one more donor, of weight 1 / trust:

    mean_c = (D_c + trust_c sum_t w_t t_c) / (1 + trust_c sum_t w_t),

both sums over the donors that know c. A row that resembles none keeps the mean D of the networks.
Bandwidths h and trusts are several candidates; a mean is the average of what they say, in the
shares that each column gives them, and the networks alone have the rest.

Shapes: ``x``, ``known`` and means (n_rows, n_codes), weights (n_rows, n_donors).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skmissdiff._support.layout import CodeLayout

from .factor_analysis import row_product
from .recipe import BANDWIDTHS, TRUSTS

CATEGORY_BANDWIDTH = 0.5  # another category divides a weight by exp(4)
MAX_LOG_WEIGHT = 300.0  # far from overflow


class KernelSums(NamedTuple):
    """Sums over the donors, both (n_rows, n_codes)."""

    weight: Tensor  # sum_t w_t
    cells: Tensor  # sum_t w_t t_c

    def joined(self, mean: Tensor, trust: Tensor | float) -> Tensor:
        """The means of networks and donors together."""
        return ((mean + trust * self.cells) / (1 + trust * self.weight)).to(mean.dtype)


class Joint(NamedTuple):
    """What networks and donors say together, both (n_rows, n_codes)."""

    value: Tensor
    part: Tensor  # that networks have in it; a twin leaves them nothing


class KernelRegression(nn.Module):
    """Rows that lend their cells, and how far they are trusted.

    x, mask : (n_donors, n_codes), the rows, 0 where the mask is False
    bandwidths, trusts : the candidates, h_c of numeric codes and how far donors are trusted
    share, share_median : (n_bandwidths, n_trusts, n_codes), of candidates for means and medians;
        the networks alone have the rest
    log_weight : (n_donors,), of how often each row counts
    """

    x: Tensor
    mask: Tensor
    bandwidths: Tensor
    trusts: Tensor
    share: Tensor
    share_median: Tensor
    log_weight: Tensor
    numeric_codes: Tensor

    def __init__(self, n_donors: int, layout: CodeLayout):
        super().__init__()
        n_codes = layout.n_codes
        self.layout = layout
        candidates = (torch.tensor(values).double() for values in (BANDWIDTHS, TRUSTS))
        for name, values in zip(("bandwidths", "trusts"), candidates, strict=True):
            self.register_buffer(name, values)
        self.register_buffer("numeric_codes", torch.from_numpy(layout.numeric_codes))
        self.register_buffer("x", torch.zeros(n_donors, n_codes))
        self.register_buffer("mask", torch.zeros(n_donors, n_codes, dtype=torch.bool))
        for name in ("share", "share_median"):
            shares = torch.zeros(len(BANDWIDTHS), len(TRUSTS), n_codes, dtype=torch.float64)
            self.register_buffer(name, shares)
        self.register_buffer("log_weight", torch.zeros(n_donors, dtype=torch.float64))

    def surprise(self, x: Tensor, bandwidth: Tensor, n_own: int) -> Tensor:
        """-log p_c(x_c), for each code; a categorical column has all of it at its category.

        ``n_own`` is 1 if the rows are donors themselves, which do not count then.
        """
        n_seen = self.mask.double().sum(0) - n_own
        count = self.x.double().sum(0) - n_own
        surprise = torch.zeros_like(x)
        for categories in self.layout.categorical_slices:
            share = (count[categories] + 1) / (
                n_seen[categories] + categories.stop - categories.start
            )
            surprise[:, categories] = torch.where(x[:, categories] > 0, -share.log(), 0.0)
        codes = self.numeric_codes
        seen = torch.where(self.mask, self.x.double(), math.inf)[:, codes]
        ordered = seen.T.contiguous().sort(dim=1).values
        values = x[:, codes].T.contiguous()
        below = torch.searchsorted(ordered, values - bandwidth)
        near = torch.searchsorted(ordered, values + bandwidth, right=True) - below
        # A missing cell has a place of its own here, which is not read: it may be empty.
        surprise[:, codes] = -((near.T - n_own + 1).clamp_min(1) / (n_seen[codes] + 1)).log()
        return surprise

    def log_weights(self, x: Tensor, known: Tensor, bandwidth: Tensor, n_own: int) -> Tensor:
        """log(n w_t(x)): with the squares multiplied out, one matrix product."""
        precision = torch.full_like(self.share[0, 0], CATEGORY_BANDWIDTH**-2)
        precision[self.numeric_codes] = bandwidth**-2
        cells = self.x.double()
        ours = [
            self.surprise(x, bandwidth, n_own) - precision * x.square() / 2,
            precision * x,
            -precision / 2,
        ]
        theirs = [self.mask.double(), cells, cells.square()]
        read = torch.cat([known * part for part in ours], dim=1)
        return row_product(read, torch.cat(theirs, dim=1).T.contiguous()) + self.log_weight

    def sums(
        self, x: Tensor, known: Tensor, bandwidth: Tensor, own: Tensor | None = None
    ) -> KernelSums:
        """What the donors tell rows; ``own`` (n_rows,) is the donor that each row is itself."""
        n_own = 0 if own is None else 1
        log_weights = self.log_weights(x.double(), known.double(), bandwidth, n_own)
        if own is not None:
            log_weights[torch.arange(len(x), device=x.device), own] = -math.inf
        # Among twins the networks have no say, however many digits are cut off here.
        log_weights -= (log_weights.amax(1, keepdim=True) - MAX_LOG_WEIGHT).clamp_min(0)
        known_cells = torch.cat([self.mask, self.x], dim=1).double()
        # In place: fresh memory for as many numbers takes longer than their exponentials.
        sums = row_product(log_weights.exp_(), known_cells).div_(len(self.x))
        return KernelSums(*sums.tensor_split(2, dim=1))

    def join(
        self, value: Tensor, x: Tensor, known: Tensor, median: bool, own: Tensor | None = None
    ) -> Joint:
        """What networks say, and donors as far as they are trusted; ``own`` as in `sums`."""
        shares = self.share_median if median else self.share
        part = (1 - shares.sum((0, 1))).expand(x.shape).clone()
        told = torch.zeros_like(part)
        for bandwidth, of_trusts in zip(self.bandwidths, shares, strict=True):
            if not of_trusts.any():
                continue
            sums = self.sums(x, known, bandwidth, own)
            for trust, share in zip(self.trusts, of_trusts, strict=True):
                if share.any():
                    left = share / (1 + trust * sums.weight)
                    part += left
                    told += left * trust * sums.cells
        return Joint((part * value + told).to(value.dtype), part.to(value.dtype))
