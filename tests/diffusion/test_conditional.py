"""What is told piece by piece and asked code by code, against whole estimates."""

import math

import pytest
import torch
from small_models import CATEGORIES, LAYOUT, N_CODES, NUMBERS, seeded, some_denoiser, some_rows

from skmissdiff._diffusion.conditional import Conditional
from skmissdiff._diffusion.denoiser import Shrinkage
from skmissdiff._diffusion.patterns import given_in
from skmissdiff._support.layout import CodeLayout

N_ROWS = 64
SPIKED = CodeLayout((3, 1, 2), (False, False, True), (True, False, False))


def talking(layout=LAYOUT, n_networks=2):
    """A denoiser whose networks say something of every code, and are believed by a part."""
    denoiser = some_denoiser(layout, n_networks, n_layers=2)
    generator = seeded(5)
    for parameter in denoiser.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    shares = torch.rand(3, layout.n_codes, generator=generator)
    denoiser.set_shrinkage(Shrinkage(*shares))
    return denoiser


def probabilities(denoiser, x, given, categories):
    level = torch.where(given, 0.0, torch.inf)
    return denoiser.estimate(x, level).mean[:, categories]


@torch.no_grad()
@pytest.mark.parametrize("n_networks", [1, 3])
def test_categories_have_their_probabilities_given_what_is_known_by_then(n_networks):
    denoiser = talking(n_networks=n_networks)
    x, given = some_rows(N_ROWS)
    for patterns in (given_in(given), given_in(given[:1])):
        asked, known = Conditional(denoiser, x, patterns), patterns.of_rows(patterns.given)
        known = known.expand(x.shape)
        for categories in CATEGORIES:
            wanted = ~known[:, categories.start]
            if not wanted.any():
                continue
            found = asked.logits(categories).softmax(1)
            expected = probabilities(denoiser, x, known, categories)
            torch.testing.assert_close(found[wanted], expected[wanted])
            chosen = x[:, categories].argmax(1)
            asked.learn(categories, chosen, ~asked.patterns.given[:, categories.start])
            known = known.clone()
            known[:, categories] = True


@torch.no_grad()
@pytest.mark.parametrize("sigma", [0.3, math.inf])
@pytest.mark.parametrize("layout", [LAYOUT, SPIKED])
@pytest.mark.parametrize("n_absent", [0, 1])
def test_the_networks_add_to_numbers_what_they_add_to_estimates(layout, n_absent, sigma):
    """Some categories may stay absent, and so may some numbers."""
    denoiser = talking(layout)
    numbers = layout.numeric_codes
    x = torch.randn(N_ROWS, layout.n_codes, generator=seeded(2))
    for categories in layout.categorical_slices:
        width = categories.stop - categories.start
        x[:, categories] = torch.eye(width)[torch.randint(width, (N_ROWS,), generator=seeded(3))]
    given = torch.ones(x.shape, dtype=torch.bool)
    given[:, numbers] = torch.rand(N_ROWS, len(numbers), generator=seeded(4)) < 0.4
    absent = torch.zeros_like(given)
    absent[:, numbers[:1]] = ~given[:, numbers[:1]]
    for categories in layout.categorical_slices[:n_absent]:
        absent[:, categories] = True
    given &= ~absent
    asked = Conditional(denoiser, x, given_in(given, absent))
    level = asked.evidence.at(sigma)
    y = x[:, numbers] - asked.evidence.mu
    g = asked.evidence.mean(level, y)
    found = g + level.s * asked.numbers()(y, g, level) + asked.evidence.mu
    sigmas = torch.where(absent, math.inf, torch.where(given, 0.0, sigma))
    estimate = denoiser.estimate(x, sigmas)
    drawn = ~(given | absent)[:, numbers]
    expected = estimate.mean.double()[:, numbers]
    torch.testing.assert_close(found[drawn], expected[drawn], atol=1e-5, rtol=1e-5)
    assert (found != g + asked.evidence.mu)[drawn].all()  # the networks have said something


@torch.no_grad()
def test_columns_are_open_from_the_first_on_that_is_not_known():
    x = torch.zeros(2, N_CODES)
    given = torch.ones(2, N_CODES, dtype=torch.bool)

    def opened():
        return Conditional(some_denoiser(), x, given_in(given)).open_categories().tolist()

    assert opened() == []
    given[0, 5:] = False
    assert opened() == [5, 6]
    given[1, 1:4] = False
    assert opened() == [1, 2, 3, 5, 6]


@torch.no_grad()
def test_known_numbers_are_not_read_again():
    """Only what moves is: a given number may hold anything once its row has been told."""
    denoiser = talking()
    x, given = some_rows(N_ROWS)
    given[:, CATEGORIES[0]] = given[:, CATEGORIES[1]] = True
    asked = Conditional(denoiser, x, given_in(given))
    correction, level = asked.numbers(), asked.evidence.at(0.5)
    y = x[:, NUMBERS] - asked.evidence.mu
    other = torch.where(given[:, NUMBERS], 7.0, y)
    g = asked.evidence.mean(level, y)
    expected = correction(y, g, level)
    assert torch.equal(correction(other, torch.where(given[:, NUMBERS], 7.0, g), level), expected)
