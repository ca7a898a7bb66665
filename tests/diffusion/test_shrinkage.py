"""How far averaged networks are believed, from rows held out of single ones."""

from types import SimpleNamespace

import pytest
import torch

from skmissdiff._diffusion.batches import Batch
from skmissdiff._diffusion.shrinkage import agreement

K, N_ROWS = 4, 8


def agreement_of(F):
    """Of networks that say F (K, K * N_ROWS, 1) about K times N_ROWS held-out rows."""
    zeros, ones = torch.zeros(K, N_ROWS, 1), torch.ones(K, N_ROWS, 1)
    batch = Batch(zeros, zeros, ones, ones.bool(), zeros.bool(), ones.bool(), zeros)
    networks = SimpleNamespace(n_networks=K, correction=lambda features: (F, None))
    return agreement(networks, batch).item()


def said(own, others):
    """F of network l about the rows of network k, those of its own and the others'."""
    F = torch.empty(K, K, N_ROWS, 1)
    for network in range(K):
        for rows in range(K):
            F[network, rows, :, 0] = own if network == rows else others
    return F.flatten(1, 2)


def test_networks_that_say_the_same_agree():
    step = torch.linspace(-1, 2, N_ROWS)
    assert agreement_of(said(step, step)) == pytest.approx(1)


def test_networks_that_agree_on_rows_they_know_do_not_agree():
    """What the others have learnt of a row by heart is no evidence."""
    other = torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(2)
    own = torch.tensor([1.0, -1.0]).repeat(4)
    assert agreement_of(said(own, other)) == pytest.approx(1 / K)


def test_half_of_a_step_is_shared():
    shared, alone = torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    own = (shared + alone).repeat(2)
    assert agreement_of(said(own, shared.repeat(2))) == pytest.approx(1 / K + (1 - 1 / K) / 2)
