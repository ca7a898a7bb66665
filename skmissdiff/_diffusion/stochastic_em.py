"""Stochastic EM: the missing cells of the training rows drawn from the model while it trains.

Under MAR, rows as they came are a biased sample of complete rows. Conditionals can
still be learnt from them, the joint distribution cannot: for generation the missing
cells are drawn (Celeux and Diebolt 1985), once the networks know how.
"""

import math
import time

import torch
from torch import Tensor

from .batches import RowSource
from .denoiser import PreconditionedDenoiser
from .processes import ALONE, Processes
from .recipe import MAX_GROUPS, MAX_REFRESH_SHARE, REFRESH_EVALUATIONS, TRIAL_ROWS, WARM_SHARE
from .sampling import code_groups, complete_rows


class StochasticEM:
    """Draws the missing cells of the training rows anew, a few times after a warm start."""

    def __init__(
        self,
        source: RowSource,
        n_refreshes: int,
        generator: torch.Generator,
        processes: Processes = ALONE,
    ):
        self.source, self.generator, self.processes = source, generator, processes
        step = (1 - WARM_SHARE) / max(1, n_refreshes)
        self.due = [WARM_SHARE + i * step for i in range(n_refreshes)]

    @property
    def is_pending(self) -> bool:
        """Whether one is still to come."""
        return bool(self.due)

    def is_due(self, share_done: float) -> bool:
        """Whether the time of one has come, and training goes on after it."""
        return self.is_pending and self.due[0] <= share_done < 1

    def __call__(
        self, denoiser: PreconditionedDenoiser, share_done: float, seconds_left: float
    ) -> bool:
        """Draw, unless that would take much of the time that is left."""
        self.due = [share for share in self.due if share > share_done]
        self.processes.share_buffers(denoiser)  # how far the networks are believed
        x, mask = self.source.rows.x, self.source.rows.mask
        if math.isfinite(seconds_left):
            incomplete = (~mask).any(1).nonzero()[:, 0]
            few = incomplete[:TRIAL_ROWS]
            start = time.monotonic()
            self.completed(denoiser, x[few], mask[few])
            expected = (time.monotonic() - start) * len(incomplete) / max(len(few), 1)
            # Of several processes none may leave the others waiting for a batch.
            expected = self.processes.decide(expected)
            if expected > MAX_REFRESH_SHARE * seconds_left:
                return False
        self.source.complete(self.completed(denoiser, x, mask))
        return True

    def completed(self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor) -> Tensor:
        """The rows with their missing cells drawn."""
        groups = code_groups(self.source.rows.mask, denoiser.layout, MAX_GROUPS)
        return complete_rows(denoiser, x, mask, groups, REFRESH_EVALUATIONS, self.generator)
