"""One pass of gradient descent over the data, and the randomness that belongs to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn import functional

from rainbownet.data import Loader, StreamLoader
from rainbownet.training.recipe import Recipe
from rainbownet.training.score import batch_sums, logits_of


def run_epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Loader | StreamLoader,
    recipe: Recipe,
    epoch: int,
    advance: Callable[[], None],
) -> Float64[Tensor, "3"]:
    """Take one step per batch, without ever waiting for the device.

    Args:
        net: The network.
        optimizer: Its learning rate is set before each step.
        batches: This process's part of the batches of the epoch.
        recipe: The recipe.
        epoch: Number of the epoch, from 1.
        advance: Called after each step.

    Returns:
        Summed loss, number of right answers and of images, of this process.
    """
    net.train()
    n, steps = len(batches.images), len(batches)
    device = batches.place
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    for step, (inputs, targets) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(epoch - 1 + step / steps)
        if recipe.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with _precision(recipe, device):
            logits = logits_of(net, inputs, len(batches.images.classes), "train", targets.dim())
            positions, targets = targets[0].numel(), targets.flatten()
            loss = functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=recipe.label_smoothing)
        # Gradients are averaged over the processes; this makes the average that of the whole batch, however it was cut.
        whole = min(batches.batch_size, n - step * batches.batch_size)
        optimizer.zero_grad(set_to_none=True)
        (loss * (batches.world / (whole * positions))).backward()
        optimizer.step()
        sums += batch_sums(logits, targets)
        advance()
    return sums


def seed_epoch(seed: int, epoch: int, rank: int) -> None:
    """Seed torch for the dropout of an epoch: a run that resumes needs no stored random state."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1))


@contextmanager
def with_threads(number: int | None) -> Iterator[int]:
    """Compute on so many threads of the CPU, and give the caller's number back afterwards.

    Args:
        number: Threads; None leaves the number as it is.

    Yields:
        The number in use.
    """
    before = torch.get_num_threads()
    if number is not None:
        torch.set_num_threads(number)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Give the caller's random state back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(device.type, torch.bfloat16) if recipe.precision == "bf16" else nullcontext()
