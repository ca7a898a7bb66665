"""A denoiser that is asked again and again of the same rows, while more of them becomes known.

What it is told of codes that stay as they are goes through the first layer once: this layer is a
sum over its inputs, to which a newly drawn category adds a row of the weights. Each evaluation adds
what moves: what the factor analysis says of unknown codes, and the noised numbers. It asks for the
codes that are wanted, not for all.

Shapes: ``x`` (n_rows, n_codes); ``y`` and what is said of numbers (n_rows, n_numbers).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .columns import pick
from .denoiser import Inputs, PreconditionedDenoiser, category_logits
from .evidence import Evidence, Level
from .factor_analysis import row_product
from .networks import affine, piecewise_linear
from .patterns import Given

# (y, g, level of noise) -> F of numbers
Correction = Callable[[Tensor, Tensor, Level], Tensor]


class Question(NamedTuple):
    """Weights of the inputs of the first layer that move, and of the codes that are asked for."""

    first: Tensor  # (K, n_moving, hidden_size)
    last: Tensor  # (K, hidden_size, n_asked)
    bias: Tensor  # (K, 1, n_asked)


class Conditional:
    """What a denoiser says of rows given what is known of them.

    Parameters
    ----------
    denoiser : PreconditionedDenoiser
    x : Tensor (n_rows, n_codes)
        Rows; codes that are not given are not read.
    patterns : Given
    """

    def __init__(self, denoiser: PreconditionedDenoiser, x: Tensor, patterns: Given):
        self.denoiser = denoiser
        self.evidence = Evidence(denoiser.posterior, x, patterns)
        given = patterns.of_rows(patterns.given)
        known = torch.where(given, x, 0.0).float()
        # Of a code that is known the factor analysis says the same.
        inputs = Inputs(known, given.float().expand_as(known), known, torch.zeros_like(known))
        self.told = denoiser.first(self.for_all(denoiser.features(inputs)))

    @property
    def patterns(self) -> Given:
        return self.evidence.patterns

    def for_all(self, values: Tensor) -> Tensor:
        """The same for every network, (K, ...)."""
        return values.expand(self.denoiser.n_networks, *values.shape)

    def learn(self, categories: slice, chosen: Tensor, wanted: Tensor) -> None:
        """Know the category of a column, ``chosen`` (n_rows,), in patterns that ``wanted`` it."""
        self.evidence.learn(categories, chosen, wanted)
        weight, places = self.denoiser.first.weight, self.denoiser.places
        level = places.w[np.searchsorted(self.denoiser.layout.level_codes, categories.start)]
        told = weight[:, places.scaled[categories]] + weight[:, places.g[categories]]
        lent = (told + weight[:, level, None]).index_select(1, chosen)
        self.told = self.told + self.patterns.of_rows(wanted[:, None]) * lent

    def leave_out(self, idle: Tensor) -> None:
        """Take codes for absent where ``idle`` (n_rows, n_codes)."""
        self.evidence.leave_out(idle)

    def open_categories(self) -> Tensor:
        """Codes of categorical columns from the first one on that is not known in every row.

        Columns are drawn in their order: it is the one that is drawn next, whatever the rows.
        """
        layout = self.denoiser.layout
        known = self.patterns.given[:, layout.first_categories].all(0).tolist()
        first = known.index(False) if False in known else len(known)
        codes = layout.categorical_codes
        start = np.append(layout.first_categories, layout.n_codes)[first]
        return torch.from_numpy(codes[codes >= start]).to(self.told.device)

    def question(self, moving: list[Tensor], asked: Tensor) -> Question:
        """What is needed to be told of the ``moving`` inputs, and to be ``asked`` for codes."""
        first, last = self.denoiser.first, self.denoiser.last
        return Question(
            first.weight.index_select(1, torch.cat(moving)),
            last.weight.index_select(2, asked),
            last.bias.index_select(2, asked),
        )

    def answer(self, question: Question, moving: list[Tensor]) -> Tensor:
        """F of the codes that are asked for, averaged over the networks."""
        inputs = self.for_all(torch.cat(moving, dim=1))
        hidden = affine(inputs, question.first, self.told)
        for layer in self.denoiser.blocks:
            hidden = layer(hidden)
        return affine(hidden, question.last, question.bias).mean(0)

    def gaussian(self, codes: Tensor, z: Tensor) -> Tensor:
        """What E[z | x] says of codes, in single precision; 0 where they are known."""
        mu, W, _ = (part.float() for part in self.evidence.model)
        unknown = self.patterns.of_rows(~self.patterns.given[:, codes])
        return unknown * (mu[codes] + row_product(z.float(), W[codes].T))

    def logits(self, categories: slice) -> Tensor:
        """Of a column's categories given what is known: log g + alpha F, up to a constant."""
        denoiser, evidence, places = self.denoiser, self.evidence, self.denoiser.places
        level = evidence.at(math.inf)
        codes = torch.cat([self.open_categories(), denoiser.numeric_codes])
        g = self.gaussian(codes, evidence.latent(level))
        asked = torch.arange(categories.start, categories.stop, device=g.device)
        F = self.answer(
            self.question([places.g[codes], places.s], asked),
            [g, level.s.float().expand(len(g), -1)],
        )
        own = pick(g, torch.isin(codes, asked).nonzero()[:, 0])
        return category_logits(own, denoiser.alpha_mean[categories] * F)

    def numbers(self) -> Correction:
        """What the networks add to the factor analysis of numbers, from now on.

        No category is drawn after that.
        """
        denoiser, evidence, places = self.denoiser, self.evidence, self.denoiser.places
        numbers, opened = denoiser.numeric_codes, self.open_categories()
        evidence.narrow(torch.cat([opened, numbers]))
        level_of_number = torch.searchsorted(denoiser.first_codes, numbers)
        question = self.question(
            [
                places.g[torch.cat([opened, numbers])],
                places.s,
                places.scaled[numbers],
                places.w[level_of_number],
                places.bins,
            ],
            numbers,
        )
        unknown, drawn = (
            self.patterns.of_rows(codes[:, numbers]).float()
            for codes in (~self.patterns.given, self.patterns.drawn)
        )

        def correction(y: Tensor, g: Tensor, level: Level) -> Tensor:
            """What shrinkage leaves of F; ``y`` is x - mu, and ``g`` likewise."""
            alpha = denoiser.alpha_mean if math.isinf(level.sigma) else denoiser.alpha_noised
            w = (drawn / math.sqrt(1 + level.sigma**2)).expand(y.shape)
            scaled = w * (evidence.mu + y).float()
            bins = piecewise_linear(scaled, denoiser.edges)
            bins.unflatten(1, (y.shape[1], -1)).mul_(w[:, :, None])
            moving = [unknown * (evidence.mu + g).float(), level.s.float().expand(y.shape)]
            if len(opened):
                moving.insert(0, self.gaussian(opened, evidence.latent(level, y)))
            return alpha[numbers] * self.answer(question, [*moving, scaled, w, bins])

        return correction
