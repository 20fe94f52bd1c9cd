"""This process among its equals: where it computes, and whether it is the one that prints and writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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
    import torch

    from rainbownet.checks import device_of_name

    kind = device_of_name(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    assert kind is not None
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
