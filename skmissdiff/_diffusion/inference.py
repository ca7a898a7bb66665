"""From NumPy rows through a trained denoiser and back, a fixed number of rows at a time."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import Rows
from .denoiser import Denoiser, PreconditionedDenoiser
from .masked import Guess, MaskedMethod
from .paper import NoisePredictor, PaperMethod
from .processes import ALONE, Processes
from .recipe import Options
from .replicates import bootstrap_weights, refits, replicates
from .threads import few_threads
from .training import Callback, History

# Every call of a network has this many rows, padded if need be: matrix products of
# another shape may round differently, and a row's result must not depend on its neighbours.
CALL_ROWS = 512

_RANK_SEEDS = 2**32  # beyond those of users

Noise = Callable[[], np.ndarray]


def resolve_device(device: str) -> str:
    """The name of a device that is there; "auto" is a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        # A device that holds no values, or no double precision, is found here.
        torch.ones(1, dtype=torch.float64, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here: {error}. Use device='auto' or 'cpu'."
        ) from error
    return device


def use_one_thread() -> None:
    """Have torch compute with one thread in this process, where other processes have the rest."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def model_input(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes with NaN (n_rows, n_codes) as float32 values, zero where missing, and a mask."""
    mask = ~np.isnan(codes)
    x = np.where(mask, codes, codes.dtype.type(0)).astype(np.float32, copy=False)
    return x, mask


def train_denoiser(
    codes: np.ndarray,
    layout: CodeLayout,
    method: PaperMethod | MaskedMethod,
    options: Options,
    seed: int,
    device: str,
    made_by: str,
    started: float,
    callback: Callback | None = None,
    weight: np.ndarray | None = None,
    processes: Processes = ALONE,
) -> tuple[Denoiser, History]:
    """Train on encoded rows, NaN where missing; the denoiser comes back on the CPU.

    A function of its arguments alone, so that a ``memory`` can cache it: ``made_by`` tells the
    version of the package and the precision of the machine, with others it trains another way.
    ``started`` is the `time.monotonic` from which ``max_time`` counts. Rows count as often as
    their ``weight`` (n_rows,), of mean 1, says. Codes in float32 are most of the memory of a fit:
    they are not copied, but have 0 where they are missing until this returns.
    """
    codes = codes.astype(np.float32, copy=False)
    missing = np.isnan(codes)
    x, mask = torch.from_numpy(codes), ~torch.from_numpy(missing)
    # Each process draws other rows and hides other cells.
    generator = torch.Generator().manual_seed(seed + _RANK_SEEDS * processes.rank)
    weights = None if weight is None else torch.from_numpy(weight)
    try:
        codes[missing] = 0
        denoiser, history = method.train(
            x, mask, layout, options, generator, device, callback, started, weights, processes
        )
    finally:
        codes[missing] = np.nan
    return denoiser.to("cpu").eval().requires_grad_(False), history


def train_replicates(
    fitted: PreconditionedDenoiser | None,
    codes: np.ndarray,
    layout: CodeLayout,
    options: Options,
    curve: Sequence[float],
    seeds: Sequence[int],
    device: str,
    weight: np.ndarray | None = None,
) -> Iterator[PreconditionedDenoiser]:
    """Models of Bayesian bootstrap samples of encoded rows, one for each seed, on the CPU.

    Replicates of ``fitted``, whose validation ``curve`` tells how long it paid to train; whole
    fits, if that is None. Only ratios of the rows' weights matter.
    """
    x, mask = (torch.from_numpy(part) for part in model_input(codes))
    rows = Rows(x, mask, weight=_to_tensor(weight))
    if fitted is None:
        return refits(rows, layout, options, seeds, device)
    return replicates(fitted, rows, options, curve, seeds, device)


def weights_of_replicate(seed: int, n_rows: int, weight: np.ndarray | None = None) -> np.ndarray:
    """How the replicate of that seed has weighed the rows."""
    generator = torch.Generator().manual_seed(seed)
    return bootstrap_weights(n_rows, generator, _to_tensor(weight)).numpy()


def _to_tensor(weight: np.ndarray | None) -> Tensor | None:
    return None if weight is None else torch.from_numpy(weight)


def in_calls(n_rows: int, n_draws: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The calls of a network: a row and the number of a draw of it for each row of a call.

    The draws of a row follow one another, and are all in one call unless there are more than
    ``CALL_ROWS`` of them.
    """
    size = max(1, CALL_ROWS // n_draws) * n_draws if n_draws <= CALL_ROWS else CALL_ROWS
    for start in range(0, n_rows * n_draws, size):
        yield np.divmod(np.arange(start, min(start + size, n_rows * n_draws)), n_draws)


def padded(array: np.ndarray, device: str) -> Tensor:
    """The rows of ``array`` in a tensor of ``CALL_ROWS`` rows, zeros below."""
    out = np.zeros((CALL_ROWS, array.shape[1]), dtype=array.dtype)
    out[: len(array)] = array
    return torch.from_numpy(out).to(device)


class Model:
    """A trained denoiser where it is to compute, and the method that asks it.

    Made once for each use of an estimator, since a network is copied to its device here. Its
    methods take at most ``CALL_ROWS`` rows of codes (n_rows, n_codes), NaN where missing, and
    ``noise``, which gives the next standard normal array (n_rows, `n_noise`).
    """

    def __init__(self, method: PaperMethod | MaskedMethod, denoiser: Any, device: str):
        # The denoiser itself stays on the CPU.
        self.denoiser = denoiser if device == "cpu" else copy.deepcopy(denoiser).to(device)
        self.method: Any = method
        self.device = device

    def n_noise(self, n_codes: int) -> int:
        """Numbers per row that one call of ``noise`` gives."""
        return self.method.n_noise(self.denoiser, n_codes)

    @torch.inference_mode()
    def estimate(self, codes: np.ndarray, *, median: bool) -> np.ndarray:
        """Means or medians given the observed codes, if the method has them in one pass."""
        with self._threads():
            value = self.method.estimate(self.denoiser, *self.input(codes), median)
        return value[: len(codes)].cpu().numpy()

    @torch.inference_mode()
    def guess(self, codes: np.ndarray, *, median: bool) -> Guess:
        """Likewise, with means and the part that networks have, as arrays."""
        with self._threads():
            found = self.method.guess(self.denoiser, *self.input(codes), median)
        return Guess(*(part[: len(codes)].cpu().numpy() for part in found))

    @torch.inference_mode()
    def draw(self, codes: np.ndarray, noise: Noise) -> np.ndarray:
        """One draw of each row, given its observed codes."""
        with self._threads():
            drawn = self.method.draw(self.denoiser, *self.input(codes), self.padded(noise))
        return drawn[: len(codes)].cpu().numpy()

    @torch.inference_mode()
    def generate(self, n_rows: int, noise: Noise) -> np.ndarray:
        """New rows, shape (n_rows, n_codes)."""
        with self._threads():
            rows = self.method.generate(self.denoiser, self.padded(noise))
        return rows[:n_rows].cpu().numpy()

    @torch.inference_mode()
    def log_density(self, codes: np.ndarray, noise: Noise) -> np.ndarray:
        """A bound on the log density of the observed codes, shape (n_rows,)."""
        with self._threads():
            scores = self.method.log_density(self.denoiser, *self.input(codes), self.padded(noise))
        return scores[: len(codes)].cpu().numpy()

    def _threads(self) -> AbstractContextManager[None]:
        """As many threads as a call of the network feeds."""
        config = self.denoiser.config
        n_rows = CALL_ROWS * config.get("n_networks", 1)
        n_codes = config["layout"].n_codes if "layout" in config else config["n_codes"]
        return few_threads(n_rows, config["hidden_size"], n_codes)

    def input(self, codes: np.ndarray) -> list[Tensor]:
        """Values and mask of a whole call, on the device."""
        return [padded(part, self.device) for part in model_input(codes)]

    def padded(self, noise: Noise) -> Callable[[], Tensor]:
        """The noise of a whole call, on the device."""
        return lambda: padded(noise(), self.device)


def to_arrays(denoiser: Any) -> dict[str, np.ndarray]:
    """The weights by name."""
    return {name: value.numpy() for name, value in denoiser.state_dict().items()}


def from_arrays(kind: str, config: dict, weights: dict[str, np.ndarray]) -> Denoiser:
    """The denoiser that `to_arrays` took the weights from, on the CPU."""
    build = PreconditionedDenoiser if kind == PreconditionedDenoiser.__name__ else NoisePredictor
    denoiser = build(**config, generator=torch.Generator())
    denoiser.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return denoiser.eval().requires_grad_(False)
