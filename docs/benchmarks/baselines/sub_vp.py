"""The sub-VP diffusion process of Song et al. 2021 (arXiv 2011.13456)."""

import math

import torch

BETA_MIN, BETA_MAX = 0.1, 20.0


class SubVP:
    """dx = -beta/2 x dt + sqrt(beta (1 - exp(-2 B))) dw, with B the integral of beta from 0 to t.

    Song et al. 2021. x_t given x_0 is normal with mean exp(-B/2) x_0 and standard
    deviation 1 - exp(-B).
    """

    @staticmethod
    def beta(t):
        return BETA_MIN + t * (BETA_MAX - BETA_MIN)

    @staticmethod
    def integral(t):
        return t * (BETA_MIN + t * (BETA_MAX - BETA_MIN) / 2)

    @classmethod
    def std(cls, t):
        return -torch.expm1(-cls.integral(t))

    @classmethod
    def log_noise(cls, t):
        """Log of the noise-to-signal ratio, about -9 at the earliest time to 5 at the end."""
        return cls.std(t).log() + cls.integral(t) / 2

    @classmethod
    def perturb(cls, x_0, t, noise):
        return torch.exp(-cls.integral(t) / 2) * x_0 + cls.std(t) * noise

    @classmethod
    def flow(cls, x, t, predicted):
        """dx/dt of the probability flow; the score is -predicted / (1 - exp(-B))."""
        B, beta = cls.integral(t), cls.beta(t)
        # (1 - exp(-2B)) / (1 - exp(-B)) is 1 + exp(-B), which is finite at 0.
        return -beta / 2 * x + beta / 2 * (1 + math.exp(-B)) * predicted
