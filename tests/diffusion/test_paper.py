"""Algorithms 1 to 3 against closed forms: the exact score of a Gaussian as network."""

import math

import pytest
import torch
from scipy.stats import norm
from small_models import seeded

from skmissdiff._diffusion import paper
from skmissdiff._diffusion.paper import (
    TIME_FEATURES,
    NoisePredictor,
    PaperMethod,
    diffuse,
    generate,
    impute_by_replacement,
    masked_noise_loss,
    score_rows_of_paper,
    time_features,
)
from skmissdiff._diffusion.recipe import Options
from skmissdiff._diffusion.schedule import discrete_schedule, noise_level, reverse_std, sigma_steps

MU = torch.tensor([0.5, -1.0], dtype=torch.float64)
PAIR = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
N_ROWS = 40_000


def normal(seed, n_rows=N_ROWS, n_codes=2):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(n_rows, n_codes, generator=generator, dtype=torch.float64)


def exact_noise_predictor(schedule, mu, covariance):
    """E[e | x_t] = sqrt(1 - A) (A S + (1 - A) I)^-1 (x_t - sqrt(A) mu)."""
    eye = torch.eye(len(mu), dtype=mu.dtype)

    def predict_noise(x, t):
        assert (t == t[0]).all()
        A = schedule.alphas_cumprod[t[0]]
        gain = (1 - A).sqrt() * torch.linalg.inv(A * covariance + (1 - A) * eye)
        return (x - A.sqrt() * mu) @ gain

    return predict_noise


def gaussian_rows(seed, mu=MU, covariance=PAIR, n_rows=N_ROWS):
    return mu + normal(seed, n_rows, len(mu))() @ torch.linalg.cholesky(covariance).T


@pytest.mark.parametrize("shape", ["linear", "quadratic", "cosine"])
def test_schedule_entry_zero_is_no_noise(shape):
    schedule = discrete_schedule(100, shape)
    assert schedule.n_steps == 100
    assert schedule.betas[0] == 0
    assert schedule.alphas_cumprod[0] == 1
    assert (schedule.betas[1:] > 0).all()
    assert (schedule.betas < 1).all()
    assert (schedule.alphas_cumprod.diff() < 0).all()
    assert noise_level(schedule)[0] == 0
    if shape != "cosine":
        torch.testing.assert_close(schedule.betas[[1, 100]].tolist(), [1e-4, 0.5])


def test_cosine_schedule_follows_its_curve():
    A = discrete_schedule(1000, "cosine").alphas_cumprod
    time = (torch.tensor([0.0, 0.25, 0.5, 0.75], dtype=torch.float64) + 0.008) / 1.008
    curve = (time * torch.pi / 2).cos().square()
    torch.testing.assert_close(A[[0, 250, 500, 750]], curve / curve[0])


def test_reverse_std_of_both_kinds():
    schedule = discrete_schedule(50)
    large, small = reverse_std(schedule, "large"), reverse_std(schedule, "small")
    assert large[1] == small[1] == 0
    assert (small[2:] < large[2:]).all()
    t, A = 20, schedule.alphas_cumprod
    expected = schedule.betas[t] * (1 - A[t - 1]) / (1 - A[t])
    torch.testing.assert_close(small[t] ** 2, expected)
    torch.testing.assert_close(large[2:] ** 2, schedule.betas[2:])


def test_sigma_steps_fall_from_max_over_min_to_zero():
    sigma = sigma_steps(10, 0.01, 20.0)
    torch.testing.assert_close(sigma[[0, 9, 10]].tolist(), [20.0, 0.01, 0.0])
    assert (sigma.diff() < 0).all()


@pytest.mark.parametrize("t", [1, 30, 100])
def test_loss_of_the_exact_predictor_is_the_posterior_variance_of_the_noise(t):
    schedule = discrete_schedule(100)
    x = gaussian_rows(1)
    A = schedule.alphas_cumprod[t]
    eye = torch.eye(2, dtype=torch.float64)
    expected = (eye - (1 - A) * torch.linalg.inv(A * PAIR + (1 - A) * eye)).trace() / 2
    loss = masked_noise_loss(
        exact_noise_predictor(schedule, MU, PAIR),
        schedule,
        x,
        torch.ones_like(x, dtype=torch.bool),
        torch.full((len(x),), t),
        normal(2)(),
    )
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=1e-4)


def test_loss_reads_no_absent_value_and_no_error_there():
    schedule = discrete_schedule(100)
    x, noise = gaussian_rows(1, n_rows=50), normal(2, 50)()
    mask = torch.rand(50, 2, generator=torch.Generator().manual_seed(3)) < 0.6
    t = torch.arange(50) % 100 + 1
    seen = []

    def predict_noise(x_t, t):
        seen.append(x_t)
        return torch.where(mask, noise - 2.0, 7e3)

    loss = masked_noise_loss(predict_noise, schedule, torch.where(mask, x, 1e9), mask, t, noise)
    torch.testing.assert_close(loss.item(), 4.0)
    torch.testing.assert_close(seen[0], diffuse(schedule, x * mask, t, noise))
    empty = torch.zeros_like(mask)
    assert masked_noise_loss(predict_noise, schedule, x, empty, t, noise) == 0


@pytest.mark.parametrize(
    ("shape", "beta_end"), [("linear", 0.02), ("quadratic", 0.02), ("cosine", 0)]
)
@pytest.mark.parametrize("variance", ["large", "small"])
def test_generation_reproduces_mean_and_covariance(shape, beta_end, variance):
    schedule = discrete_schedule(1000, shape, beta_end=beta_end)
    network = exact_noise_predictor(schedule, MU, PAIR)
    x = generate(network, schedule, normal(4, 10_000), variance=variance)
    torch.testing.assert_close(x.mean(0), MU, rtol=0, atol=0.03)
    torch.testing.assert_close(x.T.cov(), PAIR, rtol=0, atol=0.04)


def test_generation_is_the_linear_recursion_it_should_be():
    """With a linear score, mean and covariance of every step are known exactly."""
    schedule = discrete_schedule(100)
    network, std = exact_noise_predictor(schedule, MU, PAIR), reverse_std(schedule)
    mean, covariance = torch.zeros(2, dtype=MU.dtype), torch.eye(2, dtype=MU.dtype)
    for t in range(100, 0, -1):
        points = torch.stack([mean, mean + torch.tensor([1.0, 0]), mean + torch.tensor([0, 1.0])])
        beta, A = schedule.betas[t], schedule.alphas_cumprod[t]
        step = points - beta / (1 - A).sqrt() * network(points, torch.full((3,), t))
        step = step / (1 - beta).sqrt()
        J = (step[1:] - step[0]).T
        mean, covariance = step[0], J @ covariance @ J.T + std[t] ** 2 * torch.eye(2)
    x = generate(network, schedule, normal(5))
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0, atol=0.03)


def imputed_pair(n_resample, seed=6, n_rows=N_ROWS):
    """Correlation and slope of the second column on the first, imputed in every row."""
    schedule = discrete_schedule(100)
    x = gaussian_rows(seed, n_rows=n_rows)
    mask = torch.tensor([True, False]).expand(n_rows, 2)
    network = exact_noise_predictor(schedule, MU, PAIR)
    draw = impute_by_replacement(
        network, schedule, x, mask, normal(7, n_rows), n_resample=n_resample
    )
    assert torch.equal(draw[:, 0], x[:, 0])
    covariance = draw.T.cov()
    return draw.T.corrcoef()[0, 1].item(), (covariance[0, 1] / covariance[0, 0]).item()


def test_replacement_is_not_conditioning():
    """A perfect score, yet the paper's imputation loses a third of the slope."""
    correlation, slope = imputed_pair(n_resample=1)
    assert correlation == pytest.approx(0.745, abs=0.015)
    assert slope == pytest.approx(0.61, abs=0.015)


def test_resampling_repairs_replacement():
    correlation, slope = imputed_pair(n_resample=10, n_rows=10_000)
    assert correlation == pytest.approx(0.89, abs=0.01)
    assert slope == pytest.approx(0.88, abs=0.02)


def test_imputation_of_independent_columns_is_generation():
    schedule = discrete_schedule(100)
    eye, mu = torch.eye(2, dtype=torch.float64), MU * 0
    x = gaussian_rows(8, mu, eye)
    mask = torch.tensor([True, False]).expand(N_ROWS, 2)
    network = exact_noise_predictor(schedule, mu, eye)
    draw = impute_by_replacement(network, schedule, x, mask, normal(9))
    assert draw.T.corrcoef()[0, 1].abs() < 0.02
    new = generate(network, schedule, normal(10))
    assert draw[:, 1].std().item() == pytest.approx(new[:, 1].std().item(), abs=0.02)


def test_values_of_absent_codes_are_not_read():
    schedule = discrete_schedule(20)
    x = gaussian_rows(1, n_rows=30)
    mask = torch.rand(30, 2, generator=torch.Generator().manual_seed(3)) < 0.6
    network = exact_noise_predictor(schedule, MU, PAIR)
    draws = [
        impute_by_replacement(
            network, schedule, torch.where(mask, x, fill), mask, normal(2, 30), n_resample=2
        )
        for fill in (0.0, 1e6)
    ]
    assert torch.equal(draws[0], draws[1])


def test_times_are_told_by_octaves():
    found = time_features(torch.tensor([0.25, 1.0]))
    assert found.shape == (2, TIME_FEATURES)
    half = TIME_FEATURES // 2
    for place in (0, half - 1):
        octave = 7 * place / (half - 1)
        angle = 0.25 * math.pi * 2**octave
        assert found[0, place].item() == pytest.approx(math.sin(angle), abs=1e-4)
        assert found[0, half + place].item() == pytest.approx(math.cos(angle), abs=1e-4)


def test_the_network_reads_rows_and_the_share_of_the_steps():
    denoiser = NoisePredictor(3, 50, 16, 2, seeded()).requires_grad_(False)
    denoiser.last.weight.normal_(generator=seeded(1))
    x, t = torch.randn(4, 3, generator=seeded(2)), torch.tensor([1, 7, 25, 50])
    hidden = denoiser.first(torch.cat([x, time_features(t / 50)], dim=1)[None])
    for block in denoiser.blocks:
        hidden = block(hidden)
    assert len(denoiser.blocks) == 2
    torch.testing.assert_close(denoiser(x, t), denoiser.last(hidden)[0])
    assert (NoisePredictor(3, 50, 16, 2, seeded())(x, t) == 0).all()  # before any training


def test_scores_are_densities_with_an_exact_predictor():
    """Relative to N(0, I), which says the noise is sqrt(1 - A) x_t."""
    schedule = discrete_schedule(400, "cosine")
    mu, covariance = torch.tensor([0.8]).double(), torch.tensor([[0.25]]).double()
    exact = exact_noise_predictor(schedule, mu, covariance)

    def predict_noise(x_t, t):
        return exact(x_t.double(), t)

    for value in (0.3, 1.5):
        x = torch.full((300, 1), value).double()
        known = torch.ones_like(x).bool()
        score = score_rows_of_paper(predict_noise, schedule, x, known, normal(3, 300, 1))
        assert score.mean().item() == pytest.approx(norm.logpdf(value, 0.8, 0.5), abs=0.03)
        absent = score_rows_of_paper(predict_noise, schedule, x, ~known, normal(3, 300, 1))
        assert (absent == 0).all()


def test_what_says_no_more_than_the_normal_scores_as_it():
    schedule = discrete_schedule(20)
    x = gaussian_rows(1, n_rows=10)
    mask = torch.tensor([True, False]).expand(10, 2)

    def predict_noise(x_t, t):
        assert (x_t[:, 1].abs() < 99).all()  # zeros, noised
        return (1 - schedule.alphas_cumprod[t[0]]).sqrt() * x_t.double()

    x[:, 1] = 1e6
    score = score_rows_of_paper(predict_noise, schedule, x, mask, normal(3, 10))
    torch.testing.assert_close(score, torch.from_numpy(norm.logpdf(x[:, 0])), atol=1e-4, rtol=0)


@pytest.mark.parametrize("n_resample", [1, 3])
def test_steps_are_repeated_but_for_the_last(n_resample):
    schedule = discrete_schedule(5)
    asked, drawn = [], []

    def predict_noise(x, t):
        asked.append(t[0].item())
        return torch.zeros_like(x)

    def noise():
        drawn.append(1)
        return torch.zeros(2, 2)

    x = torch.ones(2, 2)
    impute_by_replacement(predict_noise, schedule, x, x > 0, noise, n_resample=n_resample)
    assert asked == [t for t in (5, 4, 3, 2) for _ in range(n_resample)] + [1]
    # One to start; at t > 1 one for the observed, one for the step, one to go back.
    assert len(drawn) == 1 + 4 * (3 * n_resample - 1) + 1


def test_nothing_is_repeated_unless_told():
    schedule, asked = discrete_schedule(5), []
    x = torch.ones(2, 2)
    impute_by_replacement(
        lambda x, t: asked.append(t) or 0 * x, schedule, x, x > 0, lambda: torch.zeros(2, 2)
    )
    assert len(asked) == 5


def test_going_back_adds_the_noise_of_one_step():
    """With a network that says nothing and no noise but one, every factor is known."""
    schedule = discrete_schedule(2)
    b = schedule.betas.tolist()
    mask, x = torch.tensor([[False]]), torch.zeros(1, 1)
    for lone, place in ((0, "start"), (2, "step"), (3, "back")):
        values = [0.0] * 9
        values[lone] = 1.0
        numbers = iter(values)

        def noise(numbers=numbers):
            return torch.full((1, 1), next(numbers))

        found = impute_by_replacement(
            lambda x, t: 0 * x, schedule, x, mask, noise, n_resample=2
        ).item()
        down = 1 / (1 - b[2]) ** 0.5
        rest = down * 1 / (1 - b[1]) ** 0.5  # from the second repeat to the end
        expected = {
            "start": rest,  # down, back by sqrt(1 - b), and on
            "step": b[2] ** 0.5 * (1 - b[2]) ** 0.5 * rest,
            "back": b[2] ** 0.5 * rest,
        }[place]
        assert found == pytest.approx(expected, rel=1e-5), place


def test_the_paper_is_trained_as_printed(monkeypatch):
    monkeypatch.setattr(paper, "HIDDEN_SIZE", 32)
    x = gaussian_rows(1, n_rows=300).float()
    mask = torch.rand(300, 2, generator=seeded(2)) < 0.8
    seen = []
    inner = paper.masked_noise_loss

    def spy(denoiser, schedule, *batch):
        seen.append(batch)
        return inner(denoiser, schedule, *batch)

    monkeypatch.setattr(paper, "masked_noise_loss", spy)
    method = PaperMethod(30, "linear", "small", 3)
    denoiser, history = method.train(
        torch.where(mask, x, 0), mask, None, Options(max_iter=150), seeded(), "cpu"
    )
    assert history.n_iter == 150
    assert sum(history.loss_curve[-30:]) < 0.8 * sum(history.loss_curve[:30])
    t = torch.cat([batch[2] for batch in seen])
    assert t.unique().tolist() == list(range(1, 31))
    shown = seen[0][0]
    assert len(shown) == paper.BATCH_SIZE
    assert torch.cat([batch[0] for batch in seen]).unique(dim=0).shape[0] == len(
        torch.where(mask, x, 0).unique(dim=0)
    )
    assert denoiser.n_steps == 30
    assert method.training_key() == PaperMethod(30, "linear")
    steps = []
    method.train(
        x,
        mask,
        None,
        Options(max_iter=2, max_time=100.0),
        seeded(),
        "cpu",
        callback=lambda *args: steps.append(args[:2]),
    )
    assert steps == [(1, 2), (2, 2)]


def test_steps_of_the_paper_are_many_unless_told(monkeypatch):
    monkeypatch.setattr(paper, "MAX_ITER", 3)
    monkeypatch.setattr(paper, "HIDDEN_SIZE", 16)
    x = gaussian_rows(1, n_rows=20).float()
    _, history = PaperMethod(5).train(x, x < 99, None, Options(), seeded(), "cpu")
    assert history.n_iter == 3


@pytest.mark.parametrize("variance", ["large", "small"])
def test_the_method_draws_with_its_settings(variance):
    method = PaperMethod(6, "linear", variance, 2)
    network = exact_noise_predictor(method.schedule, MU, PAIR)
    x = gaussian_rows(1, n_rows=30)
    mask = torch.tensor([True, False]).expand(30, 2)
    found = method.draw(network, x, mask, normal(2, 30))
    expected = impute_by_replacement(
        network,
        discrete_schedule(6, "linear"),
        x,
        mask,
        normal(2, 30),
        n_resample=2,
        variance=variance,
    )
    assert torch.equal(found, expected)
    found = method.generate(network, normal(2, 30))
    expected = generate(network, method.schedule, normal(2, 30), variance=variance)
    assert torch.equal(found, expected)
    assert method.n_noise(None, 7) == 7
