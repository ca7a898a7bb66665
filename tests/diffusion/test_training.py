"""The loop: networks of one weight, a clock set by hand, judges that follow a list."""

import math
from types import SimpleNamespace

import pytest
import torch
from small_models import some_denoiser

from skmissdiff._diffusion import training
from skmissdiff._diffusion.denoiser import Denoiser
from skmissdiff._diffusion.optimiser import Optimiser, OptimiserSettings
from skmissdiff._diffusion.training import (
    CHECKPOINTS,
    COOL_DOWN,
    FALL,
    FEWEST_LOOKS,
    MIN_CHANGE,
    WARM_UP,
    Checkpoints,
    Clock,
    CoolDown,
    History,
    fit_loop,
    learning_rate_factor,
    train_step,
)


@pytest.fixture
def seconds(monkeypatch):
    """What the clock on the wall says."""
    wall = SimpleNamespace(now=100.0)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: wall.now))
    return wall


def test_learning_rates_rise_rest_and_fall():
    assert learning_rate_factor(0.0) == pytest.approx(1e-3 / WARM_UP)
    assert learning_rate_factor(WARM_UP / 2) == pytest.approx(0.5 + 1e-3 / WARM_UP)
    assert learning_rate_factor(WARM_UP) == learning_rate_factor(1 - FALL) == 1
    assert learning_rate_factor(1 - FALL / 2) == pytest.approx(0.5)
    assert learning_rate_factor(1 - FALL / 4) == pytest.approx(0.25)
    assert learning_rate_factor(1.0) == learning_rate_factor(1.7) == pytest.approx(0)


# --- The clock.


def test_without_a_time_the_share_is_that_of_the_steps(seconds):
    clock = Clock(8)
    seconds.now += 1e6
    assert [clock.share_done(n) for n in (0, 2, 8)] == [0, 0.25, 1]
    assert clock.seconds_left() == math.inf


def test_the_loop_has_the_seconds_that_are_left(seconds):
    clock = Clock(100, max_time=10.0, started=98.0)
    assert clock.seconds_left() == 8
    seconds.now = 102  # of the ten seconds four are gone
    clock.start_loop()
    assert clock.share_done(0) == 0
    seconds.now = 105
    assert clock.share_done(1) == pytest.approx(0.5)
    assert clock.share_done(80) == pytest.approx(0.8)  # steps are ahead of the time
    assert clock.seconds_left() == 3
    seconds.now = 108
    assert clock.share_done(1) == pytest.approx(1)
    seconds.now = 109
    assert clock.share_done(1) > 1


def test_a_clock_starts_when_it_is_made(seconds):
    clock = Clock(100, max_time=10.0)
    seconds.now = 105
    assert clock.seconds_left() == 5
    assert clock.share_done(0) == pytest.approx(0.5)


@pytest.mark.parametrize("late", [0.0, 5.0])
def test_a_loop_that_starts_too_late_is_over(seconds, late):
    clock = Clock(100, max_time=10.0)
    seconds.now = 110 + late
    clock.start_loop()
    assert clock.share_done(0) == 1


# --- One weight that is pulled towards 1.


class OneWeight(Denoiser):
    def __init__(self, start=0.0, n_networks=1):
        super().__init__()
        self.n_networks = n_networks
        self.weight = torch.nn.Parameter(torch.tensor(start))
        self.blocks = torch.nn.ModuleList()


def pull(denoiser, batch):
    return (denoiser.weight - batch).square()


SETTINGS = OptimiserSettings(0.1, weight_decay=0.0, ema_decay=0.5)


def test_a_step_tells_the_loss_before_it():
    denoiser = OneWeight(3.0)
    optimiser = Optimiser(denoiser, SETTINGS)
    assert train_step(denoiser, optimiser, pull, torch.tensor(1.0), 0, 1.0) == 4.0
    assert denoiser.weight.item() == pytest.approx(2.9)  # one step of AdamW is the learning rate


@pytest.mark.parametrize("n_networks", [1, 4])
def test_the_loss_of_every_network_counts_in_full(n_networks):
    denoiser = OneWeight(3.0, n_networks)
    gradients = []

    class Spy:
        def step(self, n_steps, factor):
            gradients.append((denoiser.weight.grad.item(), n_steps, factor))

    train_step(denoiser, Spy(), pull, torch.tensor(1.0), 7, 0.5)
    assert gradients == [(n_networks * 4.0, 7, 0.5)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_training(value):
    denoiser = OneWeight()
    optimiser = Optimiser(denoiser, SETTINGS)
    with pytest.raises(ValueError, match=rf"diverged: the loss is {value} after 12 steps.*extreme"):
        train_step(denoiser, optimiser, pull, torch.tensor(value), 12, 1.0)
    assert denoiser.weight.item() == 0


# --- Checkpoints.


def judge_of(errors):
    """Gives one error after another, and remembers the weight it was asked about."""
    judged = SimpleNamespace(weights=[], errors=list(errors))

    def judge(denoiser):
        judged.weights.append(denoiser.weight.item())
        return SimpleNamespace(error=judged.errors[len(judged.weights) - 1])

    return judge, judged


PATIENCE = 4
N_HELD = 1600
CHANGE = MIN_CHANGE / 40


def looked(errors, shares=CHECKPOINTS):
    """Checkpoints that have looked once for each error; the average at look i is i."""
    denoiser = OneWeight(-1.0)
    optimiser = Optimiser(denoiser, SETTINGS)
    judge, judged = judge_of(errors)
    checkpoints = Checkpoints(judge, optimiser, PATIENCE, N_HELD)
    history = History()
    for i, (_, share) in enumerate(zip(errors, shares, strict=False)):
        optimiser.average.fill_(float(i))
        checkpoints.look(denoiser, share, history)
        assert denoiser.weight.item() == -1
        assert optimiser.average.item() == i
    return checkpoints, history, judged


def test_averaged_weights_are_judged_and_the_best_kept():
    checkpoints, history, judged = looked([0.9, 0.6, 0.7, 0.5, 0.8])
    assert judged.weights == [0, 1, 2, 3, 4]
    assert history.validation_loss_curve == [0.9, 0.6, 0.7, 0.5, 0.8]
    assert checkpoints.best.error == 0.5
    assert checkpoints.weights.item() == 3
    assert checkpoints.n_stale == 1


def test_the_first_is_kept_however_bad_it_is():
    checkpoints, _, _ = looked([1.2, 1.3])
    assert checkpoints.best.error == 1.2
    assert checkpoints.n_stale == 2


def test_small_gains_are_kept_but_count_as_none():
    errors = [0.9 - 0.5 * CHANGE * i for i in range(4)]
    checkpoints, _, _ = looked(errors)
    assert checkpoints.best.error == errors[-1]
    assert checkpoints.n_stale == 3


@pytest.mark.parametrize(("change", "kept"), [(-0.5, 2), (0.5, 2), (1.5, 1)])
def test_of_weights_that_are_as_good_the_later_are_kept(change, kept):
    checkpoints, _, _ = looked([0.7, 0.5, 0.5 + change * CHANGE])
    assert checkpoints.weights.item() == kept
    # What they are compared with stays the least error.
    checkpoints, _, _ = looked([0.7, 0.5, 0.5 + change * CHANGE, 0.5 + 1.5 * CHANGE])
    assert checkpoints.weights.item() == kept


def test_without_held_out_rows_there_is_a_change_to_compare_with():
    optimiser = Optimiser(OneWeight(), SETTINGS)
    assert Checkpoints(None, optimiser, PATIENCE, 0).min_change == MIN_CHANGE


def test_a_first_gain_has_to_be_against_the_factor_analysis():
    assert looked([1 - 2 * CHANGE])[0].n_stale == 0
    assert looked([1 - 0.5 * CHANGE])[0].n_stale == 1


def test_training_is_in_vain_when_nothing_has_improved_for_long():
    assert not looked([0.5] + [0.6] * (PATIENCE - 1))[0].in_vain
    assert looked([0.5] + [0.6] * PATIENCE)[0].in_vain
    assert not looked([0.5] + [0.6] * (PATIENCE - 1) + [0.4])[0].in_vain


def test_a_training_that_has_brought_nothing_at_all_ends_sooner():
    assert not looked([1.1] * (FEWEST_LOOKS - 1))[0].in_vain
    assert looked([1.0] * FEWEST_LOOKS)[0].in_vain
    assert FEWEST_LOOKS < PATIENCE
    assert not looked([1.1] * (FEWEST_LOOKS - 1) + [0.99])[0].in_vain


def test_what_was_best_is_forgotten_with_its_rows():
    checkpoints, _, judged = looked([0.5, 0.6])
    judged.errors.append(0.7)
    checkpoints.forget()
    assert checkpoints.best is None
    assert checkpoints.weights is None
    assert checkpoints.n_stale == checkpoints.n_looks == 0
    assert len(checkpoints.due) == len(CHECKPOINTS) - 2
    checkpoints.look(OneWeight(), 1.0, History())
    assert checkpoints.best.error == 0.7  # the least error of before does not count
    assert checkpoints.n_stale == 0


def test_checkpoints_wait_for_their_share():
    denoiser = OneWeight()
    judge, judged = judge_of([0.9, 0.8, 0.7])
    checkpoints = Checkpoints(judge, Optimiser(denoiser, SETTINGS), PATIENCE, N_HELD)
    for share in (0.0, CHECKPOINTS[0] - 1e-6, CHECKPOINTS[0], CHECKPOINTS[0] + 1e-6):
        checkpoints.look(denoiser, share, History())
    assert len(judged.weights) == 1
    checkpoints.look(denoiser, CHECKPOINTS[4], History())  # those that were missed count as one
    checkpoints.look(denoiser, CHECKPOINTS[4] + 1e-6, History())
    assert len(judged.weights) == 2
    checkpoints.look(denoiser, 1.0, History())
    checkpoints.look(denoiser, 1.0, History())
    assert len(judged.weights) == 3


def test_the_learning_rate_falls_to_zero_before_the_end():
    end = CoolDown()
    assert end.factor(39) == 1
    assert not end.is_over(39)
    end.begin(40)
    length = round(COOL_DOWN * 40)
    factors = [end.factor(n) for n in range(40, 41 + length)]
    assert factors == pytest.approx([1 - i / length for i in range(length + 1)])
    assert [end.is_over(39 + i) for i in (1, length - 1, length)] == [False, False, True]
    end.begin(42)  # once
    assert end.factor(40) == 1
    short = CoolDown()
    short.begin(1)
    assert [short.factor(n) for n in (1, 2)] == [1, 0]
    assert short.is_over(1)


# --- The loop.


def fitted(max_iter=50, target=1.0, settings=SETTINGS, clock=None, **options):
    denoiser = OneWeight()
    batches = []

    def next_batch():
        batches.append(target)
        return torch.tensor(target)

    history, best = fit_loop(
        denoiser,
        next_batch,
        pull,
        clock or Clock(max_iter),
        settings,
        patience=PATIENCE,
        n_held=N_HELD,
        **options,
    )
    return denoiser.weight.item(), history, best


def followed(max_iter=50, in_vain=math.inf):
    """Averages and losses of the same training, step by step."""
    length = round(COOL_DOWN * in_vain) if in_vain < max_iter else 0
    weight = torch.nn.Parameter(torch.tensor(0.0))
    adamw = torch.optim.AdamW([weight], betas=(0.9, 0.99), weight_decay=0.0)
    average, averages, losses = 0.0, [], []
    for n in range(int(min(max_iter, in_vain + length))):
        cooled = (in_vain + length - n) / length if n >= in_vain else 1
        adamw.param_groups[0]["lr"] = cooled * 0.1 * learning_rate_factor(n / max_iter)
        adamw.zero_grad()
        loss = (weight - 1) ** 2
        losses.append(loss.item())
        loss.backward()
        adamw.step()
        decay = min(0.5, (n + 1) / (n + 10))
        average = decay * average + (1 - decay) * weight.item()
        averages.append(average)
    return averages, losses


def test_the_averaged_weights_are_kept():
    averages, losses = followed()
    weight, history, best = fitted()
    assert weight == pytest.approx(averages[-1], abs=1e-6)
    assert history.loss_curve == pytest.approx(losses, abs=1e-6)
    assert history.n_iter == 50
    assert history.validation_loss_curve == []
    assert best is None


def test_the_best_checkpoint_is_kept_and_the_rest_is_spared():
    judge, judged = judge_of([0.9, 0.5, *[0.6] * 20])
    weight, history, best = fitted(judge=judge)
    assert weight == judged.weights[1]
    assert best.error == 0.5
    steps = [math.ceil(50 * share - 1e-9) for share in CHECKPOINTS[: 2 + PATIENCE]]
    # In vain: the learning rate falls, and the weights are judged once more.
    averages, losses = followed(in_vain=steps[-1] - 1)
    assert history.loss_curve == pytest.approx(losses, abs=1e-6)
    expected = [averages[n - 1] for n in steps] + [averages[-1]]
    assert judged.weights == pytest.approx(expected, abs=1e-6)


def test_all_checkpoints_are_asked_while_it_improves():
    judge, judged = judge_of([0.9 - 0.05 * i for i in range(len(CHECKPOINTS))])
    _, history, _ = fitted(judge=judge)
    assert history.n_iter == 50
    assert len(judged.weights) == len(CHECKPOINTS)


def test_the_callback_is_told_of_every_step():
    told = []
    _, history, _ = fitted(5, callback=lambda *args: told.append(args))
    assert told == [(n + 1, 5, value) for n, value in enumerate(history.loss_curve)]


def test_the_time_ends_it(seconds):
    def callback(*_):
        seconds.now += 1

    clock = Clock(1000, max_time=10.0)
    seconds.now += 3  # of the factor analysis
    _, history, _ = fitted(clock=clock, callback=callback)
    assert history.n_iter == 7


class Refreshed:
    """Due at some shares; remembers the weight and the shares."""

    def __init__(self, says=True, due=(0.25, 0.5)):
        self.calls, self.says, self.due = [], says, list(due)

    @property
    def is_pending(self):
        return bool(self.due)

    def is_due(self, share_done):
        return self.is_pending and self.due[0] <= share_done < 1

    def __call__(self, denoiser, share_done, seconds_left):
        self.due.pop(0)
        self.calls.append((denoiser.weight.item(), share_done, seconds_left))
        return self.says


def test_rows_are_made_anew_by_the_averaged_weights():
    averages, _ = followed(20)
    refresh = Refreshed()
    weight, _, _ = fitted(20, refresh=refresh)
    assert [call[1:] for call in refresh.calls] == [(0.25, math.inf), (0.5, math.inf)]
    assert [call[0] for call in refresh.calls] == pytest.approx(
        [averages[4], averages[9]], abs=1e-6
    )
    assert weight == pytest.approx(averages[-1], abs=1e-6)


@pytest.mark.parametrize("says", [True, False])
def test_a_refresh_forgets_what_was_best_unless_it_was_left_out(says):
    judge, _ = judge_of([0.1, *[0.5] * 20])
    _, _, best = fitted(20, judge=judge, refresh=Refreshed(says))
    assert best.error == (0.5 if says else 0.1)


@pytest.mark.parametrize("error", [0.5, 1.0])
def test_a_training_waits_for_its_rows(error):
    judge, judged = judge_of([error] * 20)
    refresh = Refreshed(due=[0.9])
    _, history, _ = fitted(50, judge=judge, refresh=refresh)
    assert len(refresh.calls) == 1
    assert history.n_iter == 50
    assert len(judged.weights) == len(CHECKPOINTS)


def test_weights_that_are_not_finite_are_not_kept():
    def broken(denoiser, batch):
        value = denoiser.weight * 0.0
        value.register_hook(lambda gradient: gradient * math.nan)
        return value

    with pytest.raises(ValueError, match="diverged in its last step"):
        fit_loop(OneWeight(), lambda: None, broken, Clock(1), SETTINGS)


def test_all_weights_of_a_denoiser_are_trained():
    """Also the hidden matrices, which only a statistical test would miss."""
    denoiser = some_denoiser(n_layers=2).requires_grad_(True)
    denoiser.last.weight.data.fill_(0.1)
    before = {name: p.detach().clone() for name, p in denoiser.named_parameters()}
    features = torch.randn(3, 32, denoiser.first.weight.shape[1])

    def loss(denoiser, batch):
        F, F_median = denoiser.correction(batch)
        return (F - 1).square().mean() + (F_median + 1).square().mean()

    settings = OptimiserSettings(0.01, 0.02, weight_decay=0.0)
    history, _ = fit_loop(denoiser, lambda: features, loss, Clock(10), settings)
    for name, parameter in denoiser.named_parameters():
        assert (parameter != before[name]).any(), name
    assert history.loss_curve[-1] < 0.9 * history.loss_curve[0]
