"""The images a walk reads: any loader, cut into chunks, some images held out."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from rainbownet.errors import DataError
from rainbownet.walk.lockstep import Chunk


def inputs_and_targets(batch: Any) -> tuple[Tensor, Tensor | None]:
    """Split what a loader yields into inputs and targets.

    Raises:
        DataError: If a batch is neither a tensor nor begins with one.
    """
    if isinstance(batch, Tensor):
        return batch, None
    if isinstance(batch, (tuple, list)) and len(batch) > 0 and isinstance(batch[0], Tensor):
        targets = batch[1] if len(batch) > 1 and isinstance(batch[1], Tensor) else None
        return batch[0], targets
    raise DataError(f"loader: a batch must be inputs or (inputs, targets), tensors; got {type(batch).__name__}")


def first_inputs(loader: Iterable[Any], *, device: torch.device | str | None = None) -> Tensor:
    """Return the inputs of the first batch.

    Raises:
        DataError: If the loader yields nothing.
    """
    for batch in loader:
        inputs = inputs_and_targets(batch)[0]
        if not len(inputs):
            raise DataError("loader: its first batch has no images")
        return inputs if device is None else inputs.to(device)
    raise DataError("loader: it yields no batch; an iterator that was used up must be made anew")


class ImageChunks:
    """Iterate over a loader in chunks of a chosen size, held-out images last in each.

    Image `i` of the whole is held out when `i` modulo `every` is `every − 1`, so that the split does not depend on how
    the images come in batches.

    Args:
        loader: Yields inputs or (inputs, targets).
        size: Images in a chunk.
        limit: Images to read; fewer are an error when `exact`, else all there are.
        exact: Whether fewer images than `limit` are an error.
        every: One image in `every` is held out; 0 for none.
        like: An example: the device to put the images on and the shape and dtype they must have.

    Attributes:
        targets: After iterating: the targets of the images in the order of the chunks, or nothing if there were none.
        images: After iterating: how many images were read.

    Raises:
        DataError: While iterating: no image, too few, or of another shape or dtype, or not finite.
    """

    def __init__(
        self, loader: Iterable[Any], *, size: int, limit: int | None, exact: bool, every: int, like: Tensor
    ) -> None:
        self.loader, self.size, self.limit, self.exact = loader, size, limit, exact
        self.every, self.like = every, like
        self.images = 0
        self.targets: list[Tensor | None] = []

    def __iter__(self) -> Iterator[Chunk]:
        self.images, self.targets = 0, []
        for index, (inputs, targets) in enumerate(self._chunks()):
            start = self.images - len(inputs)
            numbers = torch.arange(start, self.images)
            held = numbers % self.every == self.every - 1 if self.every else torch.zeros(len(inputs), dtype=torch.bool)
            order = torch.argsort(held.to(torch.int8), stable=True)
            self.targets.append(None if targets is None else targets[order.to(targets.device)])
            yield Chunk(index, inputs[order.to(inputs.device)].to(self.like.device), int((~held).sum()))
        if not self.images:
            raise DataError("loader: it yields no images; an iterator that was used up must be made anew")
        if self.exact and self.limit is not None and self.images < self.limit:
            raise DataError(f"loader: it ended after {self.images} images, {self.limit} were asked for with max_images")

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        waiting: list[tuple[Tensor, Tensor | None]] = []
        count = 0
        for batch in self.loader:
            inputs, targets = inputs_and_targets(batch)
            self._check(inputs)
            if self.limit is not None:
                room = self.limit - self.images - count
                inputs, targets = inputs[:room], None if targets is None else targets[:room]
            waiting.append((inputs, targets))
            count += len(inputs)
            while count >= self.size:
                inputs, targets = _joined(waiting)
                waiting = [(inputs[self.size :], None if targets is None else targets[self.size :])]
                count -= self.size
                self.images += self.size
                yield inputs[: self.size], None if targets is None else targets[: self.size]
            if self.limit is not None and self.images + count >= self.limit:
                break
        if count:
            inputs, targets = _joined(waiting)
            self.images += count
            yield inputs, targets

    def _check(self, inputs: Tensor) -> None:
        if inputs.shape[1:] != self.like.shape[1:] or inputs.dtype != self.like.dtype:
            raise DataError(
                f"loader: inputs of shape {tuple(inputs.shape[1:])} and dtype {inputs.dtype} after some of shape "
                f"{tuple(self.like.shape[1:])} and dtype {self.like.dtype}"
            )
        if inputs.is_floating_point() and not torch.isfinite(inputs).all():
            raise DataError("loader: inputs hold NaN or infinite values")


def _joined(parts: list[tuple[Tensor, Tensor | None]]) -> tuple[Tensor, Tensor | None]:
    if len(parts) == 1:
        return parts[0]
    targets = [t for _, t in parts if t is not None]
    return torch.cat([x for x, _ in parts]), torch.cat(targets) if len(targets) == len(parts) else None
