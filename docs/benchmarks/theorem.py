"""Theorem 1 as an experiment: the learnt score against the score of a known mixture.

    python -m docs.benchmarks.theorem

Trains both methods at missing rates from 0 to 80 % (MCAR) and stores, per noise level, the
mean squared difference between the noise that the network predicts for complete rows and the
noise that the exact score predicts. Draws the figure.
"""

import csv
from pathlib import Path

import numpy as np
import torch

from docs.benchmarks.mixture import WEIGHTS, components, draw_rows, spoil
from skmissdiff import MissDiffSampler
from skmissdiff._diffusion.schedule import discrete_schedule, noise_level

FOLDER = Path(__file__).parent
RATES = (0, 20, 40, 60, 80)
STEPS = (5, 10, 15, 20, 25, 30, 35, 40, 50, 60)  # of 100: where x has not drowned in noise


def exact_denoiser(x, sigma, means, covariances):
    """E[x_0 | x_0 + sigma e] of the mixture, for rows x (n_rows, n_codes)."""
    noisy = covariances + sigma**2 * torch.eye(means.shape[1], dtype=means.dtype)
    density = torch.distributions.MultivariateNormal(means, noisy)
    share = (torch.as_tensor(WEIGHTS).log() + density.log_prob(x[:, None])).softmax(dim=1)
    gain = torch.linalg.solve(noisy, covariances)
    centres = means + torch.einsum("nki,kij->nkj", x[:, None] - means, gain)
    return (share[:, :, None] * centres).sum(dim=1)


def learnt_noise(sampler, x, sigma, t, schedule):
    """The noise that a fitted sampler sees in x = x_0 + sigma e."""
    with torch.no_grad():
        if sampler.method == "missdiff":
            signal = schedule.alphas_cumprod[t].sqrt()
            return sampler.denoiser_((signal * x).float(), torch.full((len(x),), t)).double()
        level = torch.full_like(x, sigma)
        return (x - sampler.denoiser_(x.float(), level).double()) / sigma


def run(seed=0):
    """Rows of method, rate, noise level and error."""
    schedule = discrete_schedule(100)
    levels = noise_level(schedule)
    rows = torch.from_numpy(draw_rows(4000, np.random.default_rng(77)))
    noise = torch.randn(rows.shape, generator=torch.Generator().manual_seed(7)).double()
    means, covariances = (torch.from_numpy(part) for part in components())
    for rate in RATES:
        table = spoil(
            draw_rows(5000, np.random.default_rng(seed)), f"MCAR {rate}", np.random.default_rng(1)
        )
        for method in ("missdiff", "masked"):
            sampler = MissDiffSampler(method, scaling="standard", random_state=seed).fit(table)
            # The networks live in codes: bring the mixture there.
            scaler = sampler.encoder_.scaler_
            zero, one = scaler.transform(np.array([np.zeros(5), np.ones(5)]))
            unit, shift = torch.from_numpy(one - zero), torch.from_numpy(zero)
            scaled = covariances * unit[:, None] * unit
            for t in STEPS:
                sigma = levels[t].item()
                x = rows * unit + shift + sigma * noise
                exact = (x - exact_denoiser(x, sigma, means * unit + shift, scaled)) / sigma
                error = (learnt_noise(sampler, x, sigma, t, schedule) - exact).square().mean()
                yield {
                    "method": method,
                    "missing_rate": rate / 100,
                    "sigma": round(sigma, 4),
                    "error": round(error.item(), 6),
                }


def figure(results, path):
    """Error against noise level, a curve per missing rate, a panel per method."""
    import matplotlib.pyplot as plt

    panels, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharex=True, sharey=True)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(RATES)))
    for axis, method in zip(axes, ("missdiff", "masked"), strict=True):
        for rate, colour in zip(RATES, colours, strict=True):
            chosen = [
                row
                for row in results
                if row["method"] == method and row["missing_rate"] == rate / 100
            ]
            axis.loglog(
                [row["sigma"] for row in chosen],
                [row["error"] for row in chosen],
                color=colour,
                marker=".",
                label=f"{rate} % missing",
            )
        axis.set_title(f'method="{method}"')
        axis.set_xlabel("noise level sigma")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean squared error of the noise")
    axes[1].legend()
    panels.tight_layout()
    panels.savefig(path, dpi=110)


def main():
    results = []
    for row in run():
        results.append(row)
        print(*row.values(), flush=True)
    out = FOLDER / "results" / "theorem.csv"
    out.parent.mkdir(exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, results[0])
        writer.writeheader()
        writer.writerows(results)
    figure(results, FOLDER / "theorem.png")


if __name__ == "__main__":
    main()
