"""Accuracy and loss of a network on labelled images."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import is_lazy

from rainbownet.checks import device_of_name, whole
from rainbownet.data import Examples, loader
from rainbownet.errors import ArchitectureError, DataError, RainbowError

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
"""What targets may be stored as."""


class Score(NamedTuple):
    """How well a network classifies.

    Attributes:
        accuracy: Part of the images (of the characters of a text) whose largest logit is the right one, in [0, 1].
        loss: Mean cross-entropy, in nats.
    """

    accuracy: float
    loss: float

    @property
    def bits(self) -> float:
        """Mean cross-entropy in bits: of a network of texts the bits per character."""
        return self.loss / math.log(2)


def evaluate(
    net: nn.Module,
    data: Examples | Iterable[Any],
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> Score:
    """Classify labelled images in evaluation mode.

    Args:
        net: The network; its modes (training or not) are put back afterwards.
        data: Images, a text, or anything that yields `(inputs, targets)`; where a network answers at each position of
            its inputs, targets are inputs × positions.
        batch_size: Images at a time, if `data` is not in batches yet.
        device: Where to compute; None is where the network is. The network is moved.

    Returns:
        Accuracy and mean loss, summed in float64.

    Raises:
        DataError: If there is nothing to classify, batches are not (inputs, targets), both tensors, or targets lie
            outside the network's outputs.
        ArchitectureError: If the network is not a module with numbers, cannot take the inputs, or does not give a row
            of real logits for each.
        RainbowError: If the device is not there.

    Example:
        >>> data = [(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0]))]
        >>> accuracy, loss = evaluate(nn.Identity(), data)
        >>> accuracy, round(loss, 4)
        (0.5, 1.1269)
    """
    place = place_of(net, device, "evaluate")
    net.to(place)
    whole("batch_size", batch_size, least=1, error=DataError)
    batches = loader(data, batch_size=batch_size, device=place) if isinstance(data, Examples) else data
    if isinstance(batches, (Tensor, str, dict)) or not isinstance(batches, Iterable):
        raise DataError(f"data is a {type(data).__name__}; Images or a loader of (inputs, targets) is needed")
    loss, correct, n = score_sums(net, batches, place).tolist()
    if n == 0:
        raise DataError("evaluate: the loader is empty; at least one batch of (inputs, targets) is needed")
    return Score(correct / n, loss / n)


def score_sums(net: nn.Module, batches: Iterable[Any], device: torch.device) -> Float64[Tensor, "3"]:
    """Return the summed loss, the number of right answers and of images, as a tensor on `device` (without waiting)."""
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    with evaluation_mode(net), torch.inference_mode():
        for batch in batches:
            inputs, targets = (part.to(device) for part in _pair(batch))
            if len(targets):
                logits, targets = logits_of(net, inputs, 0, "evaluate", targets.dim()), targets.flatten()
                check_targets("evaluate", targets, logits)
                sums += batch_sums(logits, targets)
    return sums.clone()


def logits_of(net: nn.Module, inputs: Tensor, classes: int, who: str, axes: int = 1) -> Float[Tensor, "b c"]:
    """Return a network's outputs, one row of at least `classes` real logits for each input or each of its positions.

    Args:
        net: The network.
        inputs: A batch.
        classes: Least number of outputs.
        who: Who asks, for messages.
        axes: 1 if there is one target an input, 2 if there is one at each position of it.

    Raises:
        ArchitectureError: If the network cannot take the inputs, or gives something else.
    """
    try:
        logits = net(inputs)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, RainbowError):
            raise
        said = str(error).strip().partition("\n")[0]
        raise ArchitectureError(
            f"{who}: net cannot take inputs of shape {tuple(inputs.shape)} and dtype {inputs.dtype}: {said}"
        ) from error
    fits = isinstance(logits, Tensor) and logits.dim() == axes + 1 and logits.shape[:axes] == inputs.shape[:axes]
    if not fits or not logits.is_floating_point() or logits.shape[-1] < max(classes, 1):
        seen = f"{logits.dtype} of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        outputs = f"{classes} real outputs or more" if classes else "real outputs"
        given = f"{len(inputs)} inputs" if axes == 1 else f"{len(inputs)} inputs with targets at each position"
        raise ArchitectureError(f"{who}: net gives {seen} for {given}; a row of {outputs} each is needed")
    return logits.flatten(0, -2)


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


def place_of(net: nn.Module, device: torch.device | str | None, who: str) -> torch.device:
    """Return the device that was asked for, or else that of the network.

    Raises:
        ArchitectureError: If the network is not a module, or holds no numbers.
        RainbowError: If the device is not there.
    """
    if not isinstance(net, nn.Module):
        raise ArchitectureError(f"{who}: net is a {type(net).__name__}; an nn.Module is needed")
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if tensor.is_meta or is_lazy(tensor):
            raise ArchitectureError(f"{who}: net: {name!r} holds no numbers yet; give it weights first")
    return device_of(net) if device is None else device_of_name(device)


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise DataError(f"evaluate: the loader yields a {type(batch).__name__}; (inputs, targets) is needed")
    inputs, targets = batch
    for name, part in (("inputs", inputs), ("targets", targets)):
        if not isinstance(part, Tensor):
            raise DataError(f"evaluate: {name} of a batch are a {type(part).__name__}; a tensor is needed")
    if targets.dim() not in (1, 2) or inputs.shape[: targets.dim()] != targets.shape:
        raise DataError(
            f"evaluate: targets of shape {tuple(targets.shape)} for inputs of shape {tuple(inputs.shape)}; "
            "one class for each, or for each of its positions, is needed"
        )
    if targets.dtype not in WHOLE:
        raise DataError(f"evaluate: targets have dtype {targets.dtype}; whole numbers, such as int64, are needed")
    return inputs, targets.long()


def device_of(net: nn.Module) -> torch.device:
    """Return the device of the first parameter or buffer, the CPU if there is none."""
    for tensor in (*net.parameters(), *net.buffers()):
        return tensor.device
    return torch.device("cpu")


def check_targets(name: str, targets: Any, outputs: Tensor) -> None:
    """Refuse targets that are not the number of an output for each of a batch.

    Args:
        name: Where they come from, for messages.
        targets: The targets.
        outputs: What a network gives, images × outputs.

    Raises:
        DataError: If they are of another kind or number, or outside the outputs.
    """
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.is_complex():
        seen = str(targets.dtype) if isinstance(targets, Tensor) else type(targets).__name__
        raise DataError(f"{name}: targets are {seen}; whole numbers, such as int64, are needed")
    if targets.dim() != 1 or len(targets) != len(outputs):
        raise DataError(f"{name}: targets of shape {tuple(targets.shape)} for {len(outputs)} inputs; one each")
    low, high = (int(end) for end in torch.aminmax(targets)) if len(targets) else (0, 0)
    if low < 0 or high >= outputs.shape[1]:
        raise DataError(f"{name}: targets run from {low} to {high}, outside the network's {outputs.shape[1]} outputs")
