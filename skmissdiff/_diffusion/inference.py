"""From NumPy rows through a trained denoiser and back, a fixed number of rows at a time."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .denoiser import Denoiser, PreconditionedDenoiser
from .masked import MaskedMethod
from .paper import NoisePredictor, PaperMethod
from .recipe import Options
from .training import Callback, History

# Every call of a network has this many rows, padded if need be: matrix products of
# another shape may round differently, and a row's result must not depend on its neighbours.
CALL_ROWS = 512


def resolve_device(device: str) -> str:
    """The name of a device that is there; "auto" is a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here: {error}. Use device='auto' or 'cpu'."
        ) from error
    return device


def model_input(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes with NaN (n_rows, n_codes) as float32 values, zero where missing, and a mask."""
    mask = ~np.isnan(codes)
    x = np.where(mask, codes, 0).astype(np.float32)
    return x, mask


def train_denoiser(
    codes: np.ndarray,
    layout: CodeLayout,
    method: PaperMethod | MaskedMethod,
    options: Options,
    seed: int,
    device: str,
    callback: Callback | None = None,
    started: float | None = None,
) -> tuple[Denoiser, History]:
    """Train on encoded rows, NaN where missing; the denoiser comes back on the CPU.

    A function of its arguments alone, so that a ``memory`` can cache it.
    """
    x, mask = (torch.from_numpy(part) for part in model_input(codes))
    generator = torch.Generator().manual_seed(seed)
    denoiser, history = method.train(x, mask, layout, options, generator, device, callback, started)
    return denoiser.to("cpu").eval().requires_grad_(False), history


def on_device(denoiser: Denoiser, device: str) -> Any:
    """The denoiser, which itself stays on the CPU, where it is to compute."""
    return denoiser if device == "cpu" else copy.deepcopy(denoiser).to(device)


def padded(array: np.ndarray, device: str) -> Tensor:
    """The rows of ``array`` in a tensor of ``CALL_ROWS`` rows, zeros below."""
    out = np.zeros((CALL_ROWS, array.shape[1]), dtype=array.dtype)
    out[: len(array)] = array
    return torch.from_numpy(out).to(device)


@torch.inference_mode()
def complete_in_one_pass(
    method: MaskedMethod,
    denoiser: PreconditionedDenoiser,
    codes: np.ndarray,
    median: bool,
    device: str,
) -> np.ndarray:
    """Means or medians given the observed codes, for at most ``CALL_ROWS`` rows."""
    x, mask = (padded(part, device) for part in model_input(codes))
    return method.estimate(on_device(denoiser, device), x, mask, median)[: len(codes)].cpu().numpy()


@torch.inference_mode()
def complete_by_draw(
    method: PaperMethod | MaskedMethod,
    denoiser: Any,
    codes: np.ndarray,
    noise: Callable[[], np.ndarray],
    device: str,
) -> np.ndarray:
    """One draw of each of at most ``CALL_ROWS`` rows, given its observed codes."""
    x, mask = (padded(part, device) for part in model_input(codes))
    drawn = method.draw(on_device(denoiser, device), x, mask, lambda: padded(noise(), device))
    return drawn[: len(codes)].cpu().numpy()


@torch.inference_mode()
def generate_rows(
    method: PaperMethod | MaskedMethod,
    denoiser: Any,
    n_rows: int,
    noise: Callable[[], np.ndarray],
    device: str,
) -> np.ndarray:
    """At most ``CALL_ROWS`` new rows."""
    drawn = method.generate(on_device(denoiser, device), lambda: padded(noise(), device))
    return drawn[:n_rows].cpu().numpy()


@torch.inference_mode()
def log_density(
    method: PaperMethod | MaskedMethod,
    denoiser: Any,
    codes: np.ndarray,
    noise: Callable[[], np.ndarray],
    device: str,
) -> np.ndarray:
    """A bound on the log density of the observed codes of at most ``CALL_ROWS`` rows."""
    x, mask = (padded(part, device) for part in model_input(codes))
    scores = method.log_density(
        on_device(denoiser, device), x, mask, lambda: padded(noise(), device)
    )
    return scores[: len(codes)].cpu().numpy()


def to_arrays(denoiser: Any) -> dict[str, np.ndarray]:
    """The weights by name."""
    return {name: value.numpy() for name, value in denoiser.state_dict().items()}


def from_arrays(kind: str, config: dict, weights: dict[str, np.ndarray]) -> Denoiser:
    """The denoiser that `to_arrays` took the weights from, on the CPU."""
    build = PreconditionedDenoiser if kind == PreconditionedDenoiser.__name__ else NoisePredictor
    denoiser = build(**config, generator=torch.Generator())
    denoiser.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return denoiser.eval().requires_grad_(False)
