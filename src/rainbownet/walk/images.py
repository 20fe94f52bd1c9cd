"""The images networks are aligned on: any loader, opened once, checked, cut into chunks, shared by processes."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils.data.distributed import DistributedSampler

from rainbownet.checks import device_of_name, number_of_bytes, share, whole
from rainbownet.errors import DataError, RainbowError, RainbowWarning
from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch, Named, dtypes_of, joined, shapes_of, tensors_of
from rainbownet.processes import distributed, sum_over_ranks
from rainbownet.walk.batches import Inputs, batches_of, inputs_and_targets
from rainbownet.walk.lockstep import Chunk, Visitor, WalkReport, walk
from rainbownet.walk.plan import chunk_size, default_budget, default_images
from rainbownet.walk.precision import check_precision, multiplied_in

HOLDOUT = 0.1
"""Share of the images that alignments are measured on by default."""


class AlignmentImages:
    """The images that networks are aligned on, whatever they come from.

    Every function that takes a `loader` makes one of these; make it yourself for batches that are dictionaries, or to
    say once how images are read. The loader is opened once; where a function reads its images again it is opened
    again, which a list, a DataLoader or a data set allows and an iterator does not: that is refused before the work.

    Image `i` of the whole is held out when `i` modulo `round(1 / holdout)` is the largest remainder, whatever the
    batches. Under `torch.distributed` processes take turns at blocks of so many images, so that the same are held out
    by all of them together as by one. The loader must yield the same images in the same order in each process.

    Args:
        loader: Yields inputs or (inputs, targets), tensors or NumPy arrays: a DataLoader, a list, an iterator. Or a
            tensor of images, a data set of PyTorch, or `rainbownet.data.Images`: these are cut into batches, data sets
            in a random order that is always the same.
        max_images: Images to read, over all processes; fewer are an error. By default 4096, more where widths ask for
            it, fewer where the loader ends.
        holdout: Share of the images that is kept to measure alignments, at most one half.
        budget: Bytes of activations held in memory, a number or such as `"2GiB"`; what exceeds them goes to disk. By
            default 4 GiB, or half of what is free on a GPU.
        device: Where to compute; that of the loader's images by default.
        inputs: Where a batch has its inputs, if not first: a key, a pair of keys of inputs and targets, a list of keys
            of several inputs, or a function of the batch that returns inputs or (inputs, targets). Of a dictionary all
            tensors are inputs by default, named as arguments of the network, but for `labels` or `label`: targets.
        shard: Whether processes share the images. Say False where each process has a loader of its own images; a
            DataLoader with a `DistributedSampler` is known to be one.
        precision: What networks in float32 multiply in on the way: "float32", or "tf32" (on GPUs) or "bfloat16", whose
            errors of 1e-3 and 4e-3 of each number enter the moments.

    Attributes:
        example: The first batch of inputs, on the device.
        origin: What the loader knows of its images: its `normalisation`, if it has one (see `rainbownet.data.Images`).
        images: Images read in the last pass, over all processes.
        targets: Targets of this process's images of the last pass, chunk by chunk; None where there were none.

    Raises:
        DataError: If the loader is empty, or a batch is neither inputs nor (inputs, targets).
        RainbowError: If an option has no meaning.

    Example:
        >>> images = AlignmentImages(torch.randn(640, 4), max_images=512, budget="1GiB")
        >>> images.example.shape
        torch.Size([256, 4])
    """

    def __init__(
        self,
        loader: Any,
        *,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
        inputs: Inputs | None = None,
        shard: bool = True,
        precision: str = "float32",
    ) -> None:
        self.max_images = None if max_images is None else whole("max_images", max_images, least=1)
        kept = share("holdout", holdout, most=0.5)
        self.every = round(1 / kept) if kept else 0
        given = None if budget is None else number_of_bytes("budget", budget)
        place = None if device is None else device_of_name(device)
        self._inputs = inputs
        self._batches = batches_of(loader)
        self.origin = {"normalisation": loader.normalisation} if hasattr(loader, "normalisation") else {}
        own = isinstance(getattr(loader, "sampler", None), DistributedSampler)
        self._shard = shard and not own
        opened = iter(self._batches)
        self._once = opened is self._batches
        first = next((pair for batch in opened if len((pair := inputs_and_targets(batch, inputs))[0])), None)
        if first is None:
            raise DataError("loader: it yields no images; an iterator that was used up must be made anew")
        self._opened: Iterator[tuple[Batch, Tensor | None]] | None = chain([first], self._pairs(opened))
        self.example = first[0] if place is None else first[0].to(place)
        self._check(first[0])
        self.precision = check_precision(precision, self.example)
        self.budget = default_budget(self.example) if given is None else given
        self.images = 0
        self.targets: list[Tensor | None] = []

    @classmethod
    def of(
        cls,
        loader: Any,
        *,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
    ) -> "AlignmentImages":
        """Return the images of a loader, or what was given if that is such images already.

        Raises:
            RainbowError: If such images come with options, which are theirs to say.
        """
        if not isinstance(loader, cls):
            return cls(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
        given = {"max_images": max_images, "budget": budget, "device": device}
        if said := [name for name, value in given.items() if value is not None]:
            raise RainbowError(f"{said[0]}: the loader is AlignmentImages; say {said[0]}= there")
        return loader

    def check_passes(self, count: int, what: str) -> None:
        """Refuse an iterator where images are read several times.

        Args:
            count: How often.
            what: What reads them, for the message.

        Raises:
            DataError: If the loader gives its images once, or gave them already.
        """
        if self._once and self._opened is None:
            raise DataError("loader: an iterator gives its images once, and they were read; make it anew")
        if self._once and count > 1:
            raise DataError(
                f"loader: an iterator gives its images once, and {what} reads them more than once; give a list, such "
                "as list(loader), or a DataLoader"
            )

    def limit(self, networks: Sequence[Network], least: int | float = 0) -> int | float:
        """Return how many images are read at most: `max_images`, else what the widths of networks and `least` ask."""
        return max([least, *map(default_images, networks)]) if self.max_images is None else self.max_images

    def walk(
        self,
        networks: Sequence[Network],
        visitor: Visitor,
        *,
        least: int | float = 0,
        test: "AlignmentImages | None" = None,
        progress: Callable[[int, int], object] | None = None,
        seen: Callable[[int, int], object] | None = None,
    ) -> WalkReport:
        """Walk networks over the images.

        Args:
            networks: Networks with the same graph, node for node.
            visitor: What is done on the way.
            least: Images to read where `max_images` is not given and widths ask for fewer; infinity for all.
            test: Images that are held out instead of a share of these.
            progress: Called with the stages done and their number.
            seen: Called with the images seen in the first stage and how many there may be.

        Returns:
            What it cost.

        Raises:
            DataError: If there are no images, fewer than `max_images` or than processes, or they differ in shape or
                dtype or are not finite.
        """
        size, limit = chunk_size(networks, self.budget), self.limit(networks, least)
        every = self.every if test is None else 0
        chunks: Iterable[Chunk] = self.chunks(size, limit=limit, every=every, seen=seen)
        if test is not None:
            held = test.chunks(size, limit=math.inf if test.max_images is None else test.max_images)
            chunks = chain(chunks, (Chunk(-1 - chunk.index, chunk.inputs, 0, chunk.numbers) for chunk in held))
        with multiplied_in(self.precision, self.example.device):
            return walk(networks, chunks, visitor, budget=self.budget, progress=progress)

    def chunks(
        self,
        size: int,
        *,
        limit: int | float = math.inf,
        every: int = 0,
        seen: Callable[[int, int], object] | None = None,
    ) -> Iterator[Chunk]:
        """Yield this process's images in chunks, those held out last in each.

        Args:
            size: Images in a chunk.
            limit: Images to read over all processes.
            every: One image in so many is held out, none at 0.
            seen: Called after each chunk with the images of all processes seen and their limit.
        """
        self.check_passes(1, "a pass")
        pairs, self._opened = self._opened or self._pairs(iter(self._batches)), None
        self.images, self.targets = 0, []
        alive = False
        for index, (inputs, targets, numbers) in enumerate(self._cut(self._own(pairs, limit, every or 1), size)):
            held = numbers % every == every - 1 if every else torch.zeros(len(inputs), dtype=torch.bool)
            fitted = int((~held).sum())
            if 0 < fitted < len(inputs):
                order = torch.argsort(held.to(torch.int8), stable=True)
                inputs, targets, numbers = inputs[order.to(inputs.device)], _taken(targets, order), numbers[order]
            self.targets.append(targets)
            alive = alive or any(bool(value.any()) for value in tensors_of(inputs))
            yield Chunk(index, self._moved(inputs), fitted, numbers)
            if seen is not None:
                seen(self.images, int(limit) if math.isfinite(limit) else self.images)
        self._check_end(alive, every or 1)

    def batches(self) -> Iterator[tuple[Batch, Tensor | None]]:
        """Yield inputs and targets as the loader has them, all of them and in each process, on the device."""
        self.check_passes(1, "a pass")
        pairs, self._opened = self._opened or self._pairs(iter(self._batches)), None
        for inputs, targets in pairs:
            self._check(inputs)
            yield self._moved(inputs), targets

    def _moved(self, inputs: Batch) -> Batch:
        """Return inputs on the device; from pinned memory they travel while it computes."""
        device = self.example.device
        if isinstance(inputs, Tensor) and device.type == "cuda" and inputs.device.type == "cpu":
            return inputs.pin_memory().to(device, non_blocking=True)
        return inputs.to(device)

    def _pairs(self, batches: Iterator[Any]) -> Iterator[tuple[Batch, Tensor | None]]:
        return (inputs_and_targets(batch, self._inputs) for batch in batches)

    def _own(
        self, pairs: Iterator[tuple[Batch, Tensor | None]], limit: int | float, block: int
    ) -> Iterator[tuple[Batch, Tensor | None, Tensor]]:
        """Yield the images of this process, checked, with their numbers among those of all processes."""
        rank, world = _place() if self._shard else (0, 1)
        for inputs, targets in pairs:
            self._check(inputs)
            if self.images + len(inputs) > limit:
                room = int(limit) - self.images
                inputs, targets = inputs[:room], None if targets is None else targets[:room]
            numbers = torch.arange(self.images, self.images + len(inputs))
            self.images += len(inputs)
            if world > 1:
                mine = (numbers // block % world == rank).nonzero()[:, 0]
                inputs, targets, numbers = inputs[mine.to(inputs.device)], _taken(targets, mine), numbers[mine]
            yield inputs, targets, numbers
            if self.images >= limit:
                return

    @staticmethod
    def _cut(
        parts: Iterator[tuple[Batch, Tensor | None, Tensor]], size: int
    ) -> Iterator[tuple[Batch, Tensor | None, Tensor]]:
        """Yield parts of one size, and the rest."""
        waiting: list[tuple[Batch, Tensor | None, Tensor]] = []
        count = 0
        for part in parts:
            waiting.append(part)
            count += len(part[0])
            while count >= size:
                inputs, targets, numbers = _together(waiting)
                waiting = [(inputs[size:], None if targets is None else targets[size:], numbers[size:])]
                count -= size
                yield inputs[:size], None if targets is None else targets[:size], numbers[:size]
        if count:
            yield _together(waiting)

    def _check(self, inputs: Batch) -> None:
        kinds = [(shapes_of(batch, 1), dtypes_of(batch)) for batch in (inputs, self.example)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"loader: inputs of shape {kinds[0][0]} and dtype {kinds[0][1]} after some of shape {kinds[1][0]} and "
                f"dtype {kinds[1][1]}{'; pad them to one length' if isinstance(inputs, Named) else ''}"
            )
        for value in tensors_of(inputs):
            if value.is_meta:
                raise DataError("loader: inputs are on the meta device, where tensors hold no numbers")
            if not torch.isfinite(value).all():
                raise DataError("loader: inputs hold NaN or infinite values")

    def _check_end(self, alive: bool, block: int) -> None:
        _, world = _place()
        if world > 1 and not self._shard:
            device = self.example.device
            total = sum_over_ranks([torch.tensor([float(self.images)], dtype=torch.float64, device=device)])[0]
            self.images = round(total.item())
        if not self.images:
            raise DataError("loader: it yields no images; an iterator that was used up must be made anew")
        if self.max_images is not None and self.images < self.max_images:
            raise DataError(
                f"loader: it ended after {self.images} images, {self.max_images} were asked for with max_images"
            )
        if self._shard and -(-self.images // block) < world:
            raise DataError(f"loader: {self.images} images are too few for {world} processes")
        if not alive:
            warnings.warn(f"loader: all {self.images} images are zero", RainbowWarning, stacklevel=4)


def _place() -> tuple[int, int]:
    """Return the number of this process and how many there are."""
    return (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed() else (0, 1)


def _taken(targets: Tensor | None, order: Tensor) -> Tensor | None:
    return None if targets is None else targets[order.to(targets.device)]


def _together(parts: list[tuple[Batch, Tensor | None, Tensor]]) -> tuple[Batch, Tensor | None, Tensor]:
    if len(parts) == 1:
        return parts[0]
    parts = [part for part in parts if len(part[0])] or parts[:1]
    targets = [t for _, t, _ in parts if t is not None]
    all_targets = torch.cat(targets) if len(targets) == len(parts) else None
    return joined([x for x, _, _ in parts]), all_targets, torch.cat([numbers for _, _, numbers in parts])
