"""Processes: how those of one run find each other, and how they sum."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from rainbownet.checks import device_of_name


def distributed() -> bool:
    """Return whether a process group of `torch.distributed` is initialised."""
    return dist.is_available() and dist.is_initialized()


def sum_over_ranks(tensors: list[Tensor]) -> list[Tensor]:
    """Sum tensors over all processes with a single reduction."""
    flat = [torch.view_as_real(t).reshape(-1) if t.is_complex() else t.reshape(-1) for t in tensors]
    packed = torch.cat(flat)
    # NCCL only reduces what lies on the accelerator.
    carrier = packed.cuda() if dist.get_backend() == "nccl" else packed
    dist.all_reduce(carrier)
    parts = carrier.to(packed.device).split([f.numel() for f in flat])
    return [
        torch.view_as_complex(part.clone().view(*t.shape, 2)) if t.is_complex() else part.view(t.shape)
        for part, t in zip(parts, tensors, strict=True)
    ]


def leave() -> bool:
    """Leave the processes of a run, if there are several, and return whether this one is the first.

    What follows is then computed by the first alone.
    """
    if distributed():
        dist.barrier()
        dist.destroy_process_group()
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Place:
    """A process of a run.

    Attributes:
        device: Where it computes.
        rank: Its number; process 0 prints and writes.
        world: How many processes there are.
    """

    device: str
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0


@contextmanager
def processes(device: str | None = None) -> Iterator[Place]:
    """Join the process group that torchrun started, if it did, for as long as the context lasts.

    Args:
        device: Where to compute; the first GPU (each process its own), or else the CPU.

    Yields:
        The place of this process.

    Raises:
        RainbowError: If there is no such device.
    """
    kind = device_of_name(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Place(str(kind))
        return
    name = str(kind)
    if kind.type == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(name)
    torch.distributed.init_process_group("nccl" if kind.type == "cuda" else "gloo")
    try:
        yield Place(name, torch.distributed.get_rank(), world)
    finally:
        torch.distributed.destroy_process_group()
