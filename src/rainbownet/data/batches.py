"""Batches of a data set held in memory: shuffled, augmented and normalised as tensors, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rainbownet.checks import device_of_name, seed_of, whole
from rainbownet.data.augment import AUGMENTATIONS, crop_and_flip, draw_augmentation
from rainbownet.data.examples import Examples
from rainbownet.data.images import Images
from rainbownet.data.stream import CROP, Stream, StreamLoader
from rainbownet.errors import DataError


@dataclass(frozen=True, eq=False)
class Loader:
    """An iterable of `(inputs, targets)`; made by `loader`.

    Going through it twice gives the same batches twice: order and augmentation depend on `seed` and `epoch` alone. Use
    `at` to go on to another epoch.

    Args:
        images: The data set, on the device that gives the batches: images, or windows of a text.
        batch_size: Images per batch, over all processes; the last batch may be smaller.
        shuffle: Whether the order is random.
        augment: None or a key of `AUGMENTATIONS`.
        seed: Seed of order and augmentation.
        epoch: Which of the endless random passes this is.
        rank: Which process this is; each of the `world` processes gets its part of every batch.
        world: Number of processes.
        smallest: Leave out a last batch with fewer images than this.
    """

    images: Examples
    batch_size: int = 128
    shuffle: bool = False
    augment: str | None = None
    seed: int = 0
    epoch: int = 0
    rank: int = 0
    world: int = 1
    smallest: int = 1

    def at(self, epoch: int) -> "Loader":
        """Return the same loader in another epoch: `for x, y in batches.at(epoch)`."""
        return replace(self, epoch=epoch)

    @property
    def place(self) -> torch.device:
        """Where batches are."""
        return self.images.inputs.device

    @property
    def normalisation(self) -> dict[str, Any] | None:
        """How the images are normalised, see `Images.normalisation`."""
        return self.images.normalisation

    def __len__(self) -> int:
        full, rest = divmod(len(self.images), self.batch_size)
        return full + (rest >= max(self.smallest, 1))

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "b c h w"] | Int64[Tensor, "b t"], Int64[Tensor, "b ..."]]]:
        n = len(self.images)
        device = self.images.inputs.device
        # Drawn on the CPU and sent over once, so that every device sees the same batches without waiting for them.
        generator = torch.Generator().manual_seed(_epoch_seed(self.seed, self.epoch))
        order = torch.randperm(n, generator=generator).to(device) if self.shuffle else None
        padding = AUGMENTATIONS[self.augment] if self.augment else 0
        choices = draw_augmentation(n, padding, generator=generator).to(device) if self.augment else None
        for k in range(len(self)):
            start, stop = self._part(k * self.batch_size, min((k + 1) * self.batch_size, n))
            chosen = slice(start, stop) if order is None else order[start:stop]
            inputs = self.images.inputs[chosen]
            if choices is not None:
                inputs = crop_and_flip(inputs, choices[start:stop], padding)
            yield self.images.normalise(inputs), self.images.targets[chosen]

    def _part(self, start: int, stop: int) -> tuple[int, int]:
        size = stop - start
        return start + size * self.rank // self.world, start + size * (self.rank + 1) // self.world


@overload
def loader(
    images: Examples,
    *,
    batch_size: int = ...,
    shuffle: bool = ...,
    augment: str | None = ...,
    seed: int = ...,
    device: torch.device | str | None = ...,
) -> Loader: ...


@overload
def loader(
    images: Stream,
    *,
    batch_size: int = ...,
    shuffle: bool = ...,
    augment: str | None = ...,
    seed: int = ...,
    device: torch.device | str | None = ...,
) -> StreamLoader: ...


def loader(
    images: Examples | Stream,
    *,
    batch_size: int = 128,
    shuffle: bool = False,
    augment: str | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Loader | StreamLoader:
    """Cut a data set into batches.

    A data set in memory is moved to `device` whole and once; batches are then made there. A stream is read and decoded
    as batches are due.

    Args:
        images: The data set: images, or windows of a text.
        batch_size: Images per batch; the last one may be smaller.
        shuffle: Whether the order is random.
        augment: None, `"flip"` (left–right) or `"cifar"` (flip, and crop after padding by 4 zeros); of streams
            `"imagenet"` (flip, and crop of a random part).
        seed: Seed of order and augmentation; together with the epoch it fixes every batch.
        device: Where the batches are wanted; None leaves the images where they are.

    Returns:
        An iterable of (inputs, targets), with a length. It repeats itself; `loader(...).at(epoch)` is another pass.

    Raises:
        DataError: If `images` is empty, the batch size is not positive, or the augmentation is unknown or not for text.

    Example:
        >>> images = Images(torch.zeros(5, 1, 2, 2), torch.arange(5), tuple("abcde"), "letters", (0.0,), (1.0,))
        >>> batches = loader(images, batch_size=2, shuffle=True, seed=1)
        >>> [targets.tolist() for _, targets in batches]
        [[4, 1], [3, 2], [0]]
        >>> [targets.tolist() for _, targets in batches.at(1)] == [targets.tolist() for _, targets in batches]
        False
    """
    if not isinstance(images, Examples | Stream):
        raise DataError(f"images is a {type(images).__name__}; an Images, as `rainbownet.data.load` gives, is needed")
    if len(images) == 0:
        raise DataError(f"data set {images.name!r} is empty; at least one image is needed")
    batch_size, seed = whole("batch_size", batch_size, least=1, error=DataError), seed_of(seed)
    known = (CROP,) if isinstance(images, Stream) else tuple(AUGMENTATIONS)
    if augment is not None and (not isinstance(augment, str) or augment not in known):
        kind = "a stream's" if isinstance(images, Stream) else "of images in memory"
        raise DataError(f"augment is {augment!r}; {kind} can be None or one of {', '.join(map(repr, known))}")
    if augment is not None and not isinstance(images, Images | Stream):
        raise DataError(f"augment is {augment!r}; data set {images.name!r} has no images to flip")
    if isinstance(images, Stream):
        place = device_of_name("cpu" if device is None else device)
        return StreamLoader(images, place, batch_size=batch_size, shuffle=shuffle, augment=augment, seed=seed)
    placed = images if device is None else images.to(device_of_name(device))
    return Loader(placed, batch_size=batch_size, shuffle=shuffle, augment=augment, seed=seed)


def _epoch_seed(seed: int, epoch: int) -> int:
    # A hash, not a sum: seed 0 at epoch 1 must not be seed 1 at epoch 0.
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
