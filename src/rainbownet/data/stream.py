"""Data sets larger than memory: pictures are read and decoded when their batch is due, in an order the seed fixes."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from rainbownet.checks import seed_of, whole, words_of
from rainbownet.data.crop import random_crop
from rainbownet.data.decode import open_image, pixels_of
from rainbownet.data.hub import Source, find_column, open_splits
from rainbownet.data.images import normalised
from rainbownet.data.source import IMAGENET_MEAN, IMAGENET_STD, LARGEST, local_path
from rainbownet.errors import DataError
from rainbownet.extras import require

BUFFER = 4096
"""Encoded pictures among which the next one is drawn when a stream is shuffled, beside the order of its files."""

CROP = "imagenet"
"""The augmentation of streams: a crop of 8 to 100 % of the area, of sides 3:4 to 4:3, resized; and flips."""

AHEAD = 2
"""Batches that are decoded while one is used."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A labelled split that is never held in memory; made by `stream`.

    Args:
        table: A `datasets.IterableDataset` of encoded pictures and labels.
        columns: Names of the columns of pictures and of labels.
        count: How many pictures there are.
        classes: Names of the classes.
        name: Where they come from.
        size: Side of the squares that batches hold.
        mean: Mean per channel, for pixels in [0, 1].
        std: Standard deviation per channel.
    """

    table: Any
    columns: tuple[str, str]
    count: int
    classes: tuple[str, ...]
    name: str
    size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __len__(self) -> int:
        return self.count

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a picture of a batch."""
        return 3, self.size, self.size

    @property
    def normalisation(self) -> dict[str, Any]:
        """How pixels in [0, 1] become what a network reads."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def fingerprint(self) -> str:
        """Return a short hash of the name, the size, the classes and the number of pictures; none is read."""
        known = (self.name, self.size, self.count, self.classes, self.mean, self.std)
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Stream({self.name!r}: {self.count} of 3×{self.size}×{self.size}, {len(self.classes)} classes)"


def stream(
    source: str | Path,
    *,
    split: str | Sequence[str] = "train",
    config: str | None = None,
    inputs_column: str | None = None,
    targets_column: str | None = None,
    size: int = 224,
    limit: int | None = None,
    seed: int = 0,
) -> Stream:
    """Open a data set in the Hugging Face layout, from a local folder or the hub, without loading it.

    Pixels are normalised by the mean and deviation of ImageNet. Batches come from `loader`, as those of images in
    memory do: without augmentation the centre crop of `size` after the shorter side is resized to 8/7 of it, with
    `augment="imagenet"` a random crop and flip.

    Args:
        source: Folder, name of one in the folder that `RAINBOWNET_DATA` names, or name on the hub.
        split: Part of the data set; of several names the first that is there.
        config: Configuration of a hub data set that has several.
        inputs_column: Column of pictures, where there are several.
        targets_column: Column of labels, where there are several.
        size: Side of the squares that a network is given.
        limit: Number of pictures to keep, the first of a shuffled pass.
        seed: Seed of that pass.

    Returns:
        The split.

    Raises:
        DataError: If something asked for is not there.
        MissingExtra: If the extra `train` is not installed.
    """
    size, seed = whole("size", size, least=1, most=LARGEST, error=DataError), seed_of(seed)
    place = local_path(str(source))
    if place is not None and not place.is_dir():
        raise DataError(f"source is {str(source)!r}, a file; a folder or a name on the hub is streamed")
    asked = words_of("split", [split] if isinstance(split, str) else split, error=DataError)
    wanted = Source(str(source), asked[0], config, inputs_column, targets_column, size)
    splits = open_splits(str(source) if place is None else str(place.resolve()), wanted, streaming=True)
    found = next((name for name in asked if name in splits), None)
    if found is None:
        raise DataError(f"data set {str(source)!r} has no split {' or '.join(asked)}; it has {', '.join(splits)}")
    table = splits[found]
    if table.features is None:
        raise DataError(f"data set {str(source)!r}: its files do not say what their columns are")
    inputs = find_column(table, wanted, "Image", inputs_column, "inputs_column")
    targets = find_column(table, wanted, "ClassLabel", targets_column, "targets_column")
    names = getattr(table.features[targets], "names", None)
    if names is None:
        raise DataError(f"data set {str(source)!r}: column {targets!r} has no names of classes; a ClassLabel is needed")
    picture = require("datasets", extra="train").Image(decode=False)
    encoded = table.select_columns([inputs, targets]).cast_column(inputs, picture)
    count = _count(table, found, targets)
    if limit is not None:
        if whole("limit", limit, least=1, error=DataError) > count:
            raise DataError(f"limit is {limit}; data set {str(source)!r} has {count} such images")
        encoded, count = encoded.shuffle(seed=seed, buffer_size=BUFFER).take(limit), limit
    if not count:
        raise DataError(f"data set {str(source)!r}: the split {found!r} is empty; at least one image is needed")
    name = str(source) if place is None else place.resolve().name
    return Stream(encoded, (inputs, targets), count, tuple(names), f"{name}/{found}", size)


def _count(table: Any, split: str, targets: str) -> int:
    """Return the number of pictures: as the data set says, else by a pass over the labels."""
    known = (table.info.splits or {}).get(split)
    if known is not None and known.num_examples:
        return int(known.num_examples)
    with closing(iter(table.select_columns([targets]))) as rows:
        return sum(1 for _ in rows)


@dataclass(frozen=True, eq=False)
class StreamLoader:
    """An iterable of `(inputs, targets)` over a stream; made by `loader`, and used as a `Loader` is.

    Order and crops depend on `seed` and `epoch` alone. Every process goes through the whole stream and decodes its part
    of each batch, so that several together see the batches of one.

    Args:
        images: The stream.
        device: Where batches are wanted.
        batch_size: Images per batch, over all processes.
        shuffle: Whether the order is random.
        augment: None or `"imagenet"`.
        seed: Seed of order and crops.
        epoch: Which of the endless random passes this is.
        rank: Which process this is, of `world`.
        world: Number of processes.
        smallest: Leave out a last batch with fewer images than this.
    """

    images: Stream
    device: torch.device
    batch_size: int = 128
    shuffle: bool = False
    augment: str | None = None
    seed: int = 0
    epoch: int = 0
    rank: int = 0
    world: int = 1
    smallest: int = 1

    def at(self, epoch: int) -> "StreamLoader":
        """Return the same loader in another epoch."""
        return replace(self, epoch=epoch)

    @property
    def place(self) -> torch.device:
        """Where batches are."""
        return self.device

    @property
    def normalisation(self) -> dict[str, Any]:
        """How the images are normalised."""
        return self.images.normalisation

    def __len__(self) -> int:
        full, rest = divmod(len(self.images), self.batch_size)
        return full + (rest >= max(self.smallest, 1))

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"]]]:
        table = self.images.table
        if self.shuffle:
            order = int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0])
            table = table.shuffle(seed=order, buffer_size=BUFFER)
        # An iterator of `datasets` that is left open keeps threads that end the process badly.
        with closing(iter(table)) as rows, ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting: deque[tuple[list[Future[NDArray[np.uint8]]], list[int]]] = deque()
            for step in range(len(self)):
                waiting.append(self._sent(step, rows, pool))
                if len(waiting) > AHEAD:
                    yield self._batch(*waiting.popleft())
            while waiting:
                yield self._batch(*waiting.popleft())

    def _sent(
        self, step: int, rows: Iterator[Any], pool: ThreadPoolExecutor
    ) -> tuple[list[Future[NDArray[np.uint8]]], list[int]]:
        """Read a batch and have this process's part of it decoded."""
        first = step * self.batch_size
        due = min(self.batch_size, len(self.images) - first)
        whole_batch = list(islice(rows, due))
        if len(whole_batch) < due:
            ended = first + len(whole_batch)
            raise DataError(f"data set {self.images.name!r} ended after {ended} of {self.images.count} images")
        start, stop = (len(whole_batch) * part // self.world for part in (self.rank, self.rank + 1))
        inputs, targets = self.images.columns
        futures = [pool.submit(self._decoded, whole_batch[k][inputs], first + k) for k in range(start, stop)]
        return futures, [int(row[targets]) for row in whole_batch[start:stop]]

    def _decoded(self, entry: dict[str, Any], number: int) -> NDArray[np.uint8]:
        library = require("PIL.Image", extra="train")
        if self.augment is None:
            return pixels_of(library, entry, "RGB", self.images.size, self.images.name)
        generator = np.random.default_rng([self.seed, self.epoch, number])
        return random_crop(open_image(library, entry, self.images.name), self.images.size, generator)

    def _batch(
        self, futures: Sequence[Future[NDArray[np.uint8]]], targets: list[int]
    ) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"]]:
        side = self.images.size
        pixels = np.stack([found.result() for found in futures]) if futures else np.empty((0, side, side, 3), np.uint8)
        batch: UInt8[Tensor, "b c h w"] = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        classes = torch.tensor(targets, dtype=torch.int64)
        return normalised(batch.to(self.device), self.images.mean, self.images.std), classes.to(self.device)
