"""Accuracy and loss of a network on labelled images."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn import functional

from rainbownet.data import Images, loader
from rainbownet.errors import DataError


class Score(NamedTuple):
    """How well a network classifies.

    Args:
        accuracy: Part of the images whose largest logit is the right one, in [0, 1].
        loss: Mean cross-entropy, in nats.
    """

    accuracy: float
    loss: float


def evaluate(
    net: nn.Module,
    data: Images | Iterable[Any],
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> Score:
    """Classify labelled images in evaluation mode.

    Args:
        net: The network; its modes (training or not) are put back afterwards.
        data: Images, or anything that yields `(inputs, targets)`.
        batch_size: Images at a time, if `data` is not in batches yet.
        device: Where to compute; None is where the network is. The network is moved.

    Returns:
        Accuracy and mean loss, summed in float64.

    Raises:
        DataError: If there is nothing to classify, or batches have no targets.

    Example:
        >>> data = [(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0]))]
        >>> accuracy, loss = evaluate(nn.Identity(), data)
        >>> accuracy, round(loss, 4)
        (0.5, 1.1269)
    """
    place = device_of(net) if device is None else torch.device(device)
    net.to(place)
    batches = loader(data, batch_size=batch_size, device=place) if isinstance(data, Images) else data
    loss, correct, n = score_sums(net, batches, place).tolist()
    if n == 0:
        raise DataError("evaluate: the loader is empty; at least one batch of (inputs, targets) is needed")
    return Score(correct / n, loss / n)


def score_sums(net: nn.Module, batches: Iterable[Any], device: torch.device) -> Float64[Tensor, "3"]:
    """Return the summed loss, the number of right answers and of images, as a tensor on `device` (without waiting)."""
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    with evaluation_mode(net), torch.inference_mode():
        for batch in batches:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise DataError(f"evaluate: the loader yields a {type(batch).__name__}; (inputs, targets) is needed")
            inputs, targets = (part.to(device) for part in batch)
            if len(targets):
                sums += batch_sums(net(inputs), targets)
    return sums.clone()


def batch_sums(logits: Tensor, targets: Tensor) -> Float64[Tensor, "3"]:
    """Return the summed loss, the number of right answers and of images of one batch."""
    loss = functional.cross_entropy(logits.detach().double(), targets, reduction="sum")
    correct = (logits.detach().argmax(1) == targets).sum()
    return torch.stack([loss, correct.double(), torch.full_like(loss, len(targets))])


@contextmanager
def evaluation_mode(net: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode, and each back in its own mode at the end."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def device_of(net: nn.Module) -> torch.device:
    """Return the device of the first parameter or buffer, the CPU if there is none."""
    for tensor in (*net.parameters(), *net.buffers()):
        return tensor.device
    return torch.device("cpu")
