"""How many threads an operation gets."""

import numpy as np
import pytest
import torch

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._diffusion import training
from skmissdiff._diffusion.inference import Model
from skmissdiff._diffusion.threads import THREAD_WORK, few_threads, n_threads_for


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3  # whatever was done in between
    torch.set_num_threads(before)


def test_threads_follow_the_work():
    assert n_threads_for(1, 1, 1, 8) == 1
    assert n_threads_for(THREAD_WORK // 100, 10, 10, 8) == 1
    assert n_threads_for(THREAD_WORK // 100 * 4, 10, 10, 8) == 4
    assert n_threads_for(THREAD_WORK // 100 * 4, 10, 5, 8) == 4
    assert n_threads_for(THREAD_WORK // 10, 10, 70, 8) == 8
    assert n_threads_for(THREAD_WORK, 10, 10, 8) == 8  # no more than there are


def test_threads_come_back_after_an_error():
    def failing():
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), few_threads(1, 1, 1):
        failing()


@pytest.mark.parametrize("method", ["masked", "missdiff"])
def test_small_tables_have_one_thread(monkeypatch, method):
    X = np.random.default_rng(0).normal(size=(80, 3))
    X[::3, 1] = np.nan
    seen = {}

    def spied(owner, name):
        inner = getattr(owner, name)

        def spy(*args, **kwargs):
            seen[name] = torch.get_num_threads()
            return inner(*args, **kwargs)

        monkeypatch.setattr(owner, name, spy)

    spied(training, "train_step")
    spied(Model, "input")
    spied(Model, "padded")
    draws = {"n_draws": 2} if method == "missdiff" else {}
    imputer = MissDiffImputer(method, max_iter=5, random_state=0, **draws).fit(X)
    imputer.transform(X)
    imputer.multiple_impute(X, 2)
    MissDiffSampler(method, max_iter=5, random_state=0).fit(X).sample(5)
    if method == "missdiff":
        del seen["train_step"]  # the paper's training is as it is
    else:
        assert seen.pop("train_step") == 1
    assert seen == {"input": 1, "padded": 1}
