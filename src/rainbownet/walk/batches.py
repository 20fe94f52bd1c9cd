"""Batches of anything: loaders, data sets, tensors, arrays and iterators as batches of inputs and targets."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from rainbownet.errors import DataError
from rainbownet.graph.inputs import Batch, Named

BATCH = 256
"""Images of a batch, where the library cuts them."""

Inputs = str | tuple[str, str] | list[str] | Callable[[Any], Any]
"""Where a batch has its inputs: a key, a pair of keys (inputs, targets), a list of keys of several inputs, or a
function that returns them."""

TARGETS = ("labels", "label", "targets", "target")
"""Keys of targets in a batch that is a dictionary."""


@runtime_checkable
class ImageSet(Protocol):
    """Images and targets held as two tensors, such as `rainbownet.data.Images`."""

    inputs: Any
    targets: Any

    def normalise(self, inputs: Any) -> Any:
        """Return pixels as a network reads them."""
        ...


def batches_of(loader: Any) -> Iterable[Any]:
    """Return an iterable of batches.

    A data set is read in a random order that is always the same: many are stored class by class.

    Args:
        loader: A DataLoader, a list of batches, an iterator, a tensor or array of images, a data set of PyTorch, or
            `rainbownet.data.Images`.

    Raises:
        DataError: If it is none of these.
    """
    if isinstance(loader, Tensor | np.ndarray):
        images = as_tensor(loader)
        if images.ndim < 2:
            raise DataError(f"loader: a tensor of images has a first axis of images; got shape {tuple(images.shape)}")
        return images.split(BATCH)
    if isinstance(loader, ImageSet):
        return _Shuffled(loader)
    if isinstance(loader, IterableDataset):
        return DataLoader(loader, batch_size=BATCH)
    if isinstance(loader, Dataset):
        count = len(loader)  # pyright: ignore[reportArgumentType]
        return DataLoader(Subset(loader, _order(count).tolist()), batch_size=BATCH) if count else ()
    if isinstance(loader, str | bytes | Mapping) or not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
        raise DataError(
            f"loader: expected batches of inputs or (inputs, targets), a tensor of images or a data set; got a "
            f"{type(loader).__name__}"
        )
    return loader


def inputs_and_targets(batch: Any, inputs: Inputs | None = None) -> tuple[Batch, Tensor | None]:
    """Split what a loader yields into inputs and targets.

    Args:
        batch: Inputs, or a tuple or list that begins with them and goes on with targets; tensors or NumPy arrays.
            Inputs may be a dictionary of tensors by the names of arguments, which may hold the targets as well.
        inputs: Where other batches have them.

    Raises:
        DataError: If the inputs are not found there, or are no tensor.
    """
    if isinstance(inputs, str | tuple | list):
        keys = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        if not isinstance(batch, Mapping):
            raise DataError(f"inputs: {inputs!r} names keys, but a batch is a {type(batch).__name__}, no dictionary")
        if missing := [key for key in keys if key not in batch]:
            raise DataError(f"inputs: a batch has no {missing[0]!r}; its keys are {list(batch)}")
        several = {key: batch[key] for key in (*keys, *TARGETS) if key in batch}
        batch = several if isinstance(inputs, list) else tuple(batch[key] for key in keys)
    elif inputs is not None:
        batch = inputs(batch)
    if isinstance(batch, Mapping):
        batch = _named(batch)
    parts = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    if parts and isinstance(parts[0], Mapping):
        parts = (_named(parts[0])[0], *parts[1:])
    if not parts or not isinstance(parts[0], Tensor | np.ndarray | Named):
        kind = type(batch).__name__ + (f" of {type(parts[0]).__name__}" if parts and parts[0] is not batch else "")
        raise DataError(f"loader: a batch must be inputs or (inputs, targets), tensors; got {kind}")
    found = parts[0] if isinstance(parts[0], Named) else as_tensor(parts[0])
    if isinstance(found, Tensor) and not found.ndim:
        raise DataError("loader: a batch of inputs has a first axis of images; got a number")
    targets = as_tensor(parts[1]) if len(parts) > 1 and isinstance(parts[1], Tensor | np.ndarray) else None
    if targets is not None and (not targets.ndim or len(targets) != len(found)):
        raise DataError(f"loader: a batch has {len(found)} inputs, but targets of shape {tuple(targets.shape)}")
    return found, targets


def _named(batch: Mapping[str, Any]) -> tuple[Named, Any]:
    """Return the tensors of a dictionary but for targets, and the targets."""
    arrays = {key: value for key, value in batch.items() if isinstance(value, Tensor | np.ndarray)}
    targets = next((arrays[key] for key in TARGETS if key in arrays), None)
    if not set(arrays) - set(TARGETS):
        raise DataError(
            f"loader: a batch is a dictionary of {list(batch)} without a tensor among its inputs: say which they are, "
            "AlignmentImages(loader, inputs=key)"
        )
    return Named({key: as_tensor(value) for key, value in arrays.items() if key not in TARGETS}), targets


def as_tensor(value: Tensor | np.ndarray) -> Tensor:
    """Return a tensor; an array is taken as it is, without a copy where PyTorch can.

    Raises:
        DataError: If PyTorch has no such dtype.
    """
    if isinstance(value, Tensor):
        return value
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"loader: an array of dtype {value.dtype} cannot be made a tensor ({error})") from error


class _Shuffled:
    """Batches of images held in memory."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images = self.images
        for chosen in _order(len(images.inputs)).to(images.inputs.device).split(BATCH):
            if len(chosen):
                yield images.normalise(images.inputs[chosen]), images.targets[chosen]


def _order(count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))
