"""The processes that train one model together, by `torch.distributed`.

Each has rows of its own and the same weights. In every step the gradients are averaged, in one
message; what depends on clocks or on held-out rows the first process decides.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn


class Processes:
    """A process that is alone, for which all of it does nothing."""

    rank = 0
    n = 1

    def first(self, make: Callable[[], Any]) -> Any:
        """What the first process makes, in every one."""
        return make()

    def each(self, make: Callable[[], Any]) -> list[Any]:
        """What every process makes, in every one."""
        return [make()]

    def decide(self, value: float) -> float:
        """The number of the first process."""
        return value

    def share_buffers(self, module: nn.Module) -> None:
        """Give each process the buffers of the first one."""

    def average(self, loss: Tensor, parameters: Iterable[Tensor]) -> float:
        """The mean loss; the gradients of the parameters become their means."""
        return loss.item()


ALONE = Processes()


class Group(Processes):
    """All processes of the default group of `torch.distributed`."""

    def __init__(self) -> None:
        self.rank = distributed.get_rank()
        self.n = distributed.get_world_size()
        # Objects and decisions are on the CPU, whatever the gradients are on.
        is_cpu = "gloo" in str(distributed.get_backend())
        self.of_cpu = None if is_cpu else distributed.new_group(backend="gloo")

    def first(self, make: Callable[[], Any]) -> Any:
        """What the first process makes, in every one; an error of it, too."""
        made: list[Any] = [_attempt(make) if self.rank == 0 else None]
        distributed.broadcast_object_list(made, src=0, group=self.of_cpu)
        return _outcome(made)[0]

    def each(self, make: Callable[[], Any]) -> list[Any]:
        """What every process makes, in every one; if one fails, all raise its error."""
        made: list[Any] = [None] * self.n
        distributed.all_gather_object(made, _attempt(make), group=self.of_cpu)
        return _outcome(made)

    def decide(self, value: float) -> float:
        decided = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(decided, src=0, group=self.of_cpu)
        return decided.item()

    def share_buffers(self, module: nn.Module) -> None:
        own = dict(module.named_buffers())
        shared = self.first(lambda: {name: value.cpu() for name, value in own.items()})
        for name, value in own.items():
            value.copy_(shared[name])

    def average(self, loss: Tensor, parameters: Iterable[Tensor]) -> float:
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([loss.detach().reshape(1), *(g.flatten() for g in gradients)])
        distributed.all_reduce(flat)
        flat /= self.n
        parts = flat[1:].split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        value = flat[0].item()
        return value if math.isfinite(value) else math.nan


def running_processes() -> Processes:
    """Those of `torch.distributed`, where it was initialised."""
    is_there = distributed.is_available() and distributed.is_initialized()
    return Group() if is_there and distributed.get_world_size() > 1 else ALONE


@contextlib.contextmanager
def launched_processes() -> Iterator[Processes]:
    """Join the processes that a launcher such as torchrun has started, if one has."""
    asked = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    if not asked or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield running_processes()
    finally:
        distributed.destroy_process_group()


def _attempt(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return make(), None
    except Exception as error:
        return None, error


def _outcome(made: list[tuple[Any, Exception | None]]) -> list[Any]:
    for _, error in made:
        if error is not None:
            raise error
    return [value for value, _ in made]
