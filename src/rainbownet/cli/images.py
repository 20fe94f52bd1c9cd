"""The images a verb reads: loaded by name, normalised as was asked or as the network was trained, in a fixed order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from rainbownet.cli import parse
from rainbownet.cli.verb import Count
from rainbownet.errors import DataError

if TYPE_CHECKING:
    from rainbownet.data import Examples, Loader

BATCH = 256
PUBLISHED = ("cifar10", "cifar100", "imagenet-1k", "imagenet")
"""Data sets that the library's recipes normalise by ImageNet's mean and deviation, as published."""


@Parameter(name="*", group=Group("Images", sort_key=5))
@dataclass(frozen=True, kw_only=True)
class Source:
    """What the command line says about images, or a text; see `rainbownet.data.load` and `load_text`.

    Attributes:
        data: digits, a local file or folder, a Hugging Face data set by name, or a text, topics or name.txt.
        split: The part to align or train on.
        config: Configuration of a hub data set.
        inputs_column: Column of the images.
        targets_column: Column of the classes.
        normalise: none, imagenet, or MEAN/STD per channel for pixels in [0, 1], 0.5,0.5,0.5/0.2,0.2,0.2; by default as
            the network was trained where its file says so, else none (imagenet for CIFAR and ImageNet by name).
        mean: Means per channel, 0.5,0.5,0.5, for pixels in [0, 1].
        std: Deviations per channel.
        grayscale: Turn colours into grey.
        size: Side of a centre crop, such as 224; of a text, the characters of a window, 64 by default.
        limit: Keep so many images (windows of a text) of each split, chosen at random.
    """

    data: str = "digits"
    split: str = "train"
    config: str | None = None
    inputs_column: str | None = None
    targets_column: str | None = None
    normalise: str | None = None
    mean: str | None = None
    std: str | None = None
    grayscale: Annotated[bool, Parameter(negative=())] = False
    size: Count | None = None
    limit: Count | None = None

    @property
    def is_text(self) -> bool:
        """Whether the data are a text."""
        from rainbownet.data.text import is_text

        return is_text(self.data)

    def settled(self, trained: Mapping[str, Mapping[str, Any] | None] | None = None) -> "Settled":
        """Decide how pixels are normalised: as asked, as networks were trained, as the data set is known, or not.

        Args:
            trained: By file, the normalisation that the file knows of; None in it is none.

        Raises:
            DataError: If options exclude each other, or files know of different normalisations.
        """
        said = self._asked()
        known = dict(trained or {})
        if said is not None:
            return Settled(self, *said, "as asked")
        if known:
            name, found = next(iter(known.items()))
            if others := [other for other, value in known.items() if value != found]:
                raise DataError(
                    f"{name} and {others[0]} were trained with different normalisations; say which with --normalise"
                )
            size = self.size or (found or {}).get("size")
            grey = replace(self, grayscale=self.grayscale or bool(found and found.get("grayscale")), size=size)
            values = (tuple(found["mean"]), tuple(found["std"])) if found else (None, None)
            return Settled(grey, *values, f"as {name} was trained")
        if Path(self.data).name.lower() in PUBLISHED:
            return Settled(self, *_imagenet(), "that of ImageNet, as the recipes do for this data set")
        return Settled(self, None, None, "the default; --normalise changes it")

    def _asked(self) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None] | None:
        mean = None if self.mean is None else tuple(parse.numbers("--mean", self.mean))
        std = None if self.std is None else tuple(parse.positive_numbers("--std", self.std))
        if self.normalise is None:
            return None if mean is None and std is None else (mean, std)
        if mean is not None or std is not None:
            raise DataError("--normalise and --mean or --std exclude each other; give one of them")
        if self.normalise in ("none", "imagenet"):
            return (None, None) if self.normalise == "none" else _imagenet()
        first, slash, second = self.normalise.partition("/")
        if not slash:
            raise DataError(f"--normalise is {self.normalise!r}; none, imagenet or MEAN/STD is needed, 0.5/0.25")
        return tuple(parse.numbers("--normalise", first)), tuple(parse.positive_numbers("--normalise", second))


@Parameter(name="*", group=Group("Images", sort_key=5))
@dataclass(frozen=True, kw_only=True)
class Tested(Source):
    """Images to align on and others to classify.

    Attributes:
        test_split: The part to classify; none to skip it.
    """

    test_split: str = "test"


@dataclass(frozen=True)
class Settled:
    """A data set whose normalisation is decided.

    Attributes:
        source: What was asked for.
        mean: Mean of each channel; None for zeros.
        std: Deviation of each channel; None for ones.
        why: Where the normalisation comes from.
    """

    source: Source
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    why: str

    def arguments(self, split: str | None = None) -> dict[str, Any]:
        """Return the arguments of `rainbownet.data.load` that name one part of the data, by default the first.

        Raises:
            DataError: If something was said about a text that only images have.
        """
        own = self.source
        given = {
            "split": split or own.split,
            "config": own.config,
            "inputs_column": own.inputs_column,
            "targets_column": own.targets_column,
            "mean": None if self.mean is None else list(self.mean),
            "std": None if self.std is None else list(self.std),
            "grayscale": own.grayscale,
            "size": own.size,
            "limit": own.limit,
        }
        said = {k: value for k, value in given.items() if value is not None and value is not False}
        if own.is_text and (foreign := said.keys() - {"split", "size", "limit"}):
            option = min(foreign).replace("_", "-")
            raise DataError(f"--{option} is about images; {own.data} is a text")
        return {"source": own.data} | said

    def load(self, split: str | None = None) -> "Examples":
        """Load one part of the data, by default the one to align on.

        Raises:
            DataError: If something asked for is not there.
        """
        from rainbownet.data import load, load_text

        return (load_text if self.source.is_text else load)(**self.arguments(split))

    def test(self) -> "Examples | None":
        """Load the part to classify, or nothing if it is skipped."""
        split = getattr(self.source, "test_split", "none")
        return None if split == "none" else self.load(split)

    def batches(self, *, device: str, number: int | None = None) -> "Loader":
        """Load the part to align on, in batches and in a random order that is always the same.

        Args:
            device: Where batches are wanted.
            number: Images to read; all by default.

        Raises:
            DataError: If there are fewer.
        """
        from rainbownet.data import loader

        images = self.load()
        if number is not None and number > len(images):
            raise DataError(f"--images {number}: data set {images.name!r} has only {len(images)} images in this split")
        return loader(images.some(number or len(images)), batch_size=BATCH, device=device)

    def said(self, images: "Examples") -> str:
        """Return the line that says which images were read, and how."""
        from rainbownet.data.images import normalisation_words

        if self.source.is_text:
            return f"text: {self.source.data}, {self.source.split} ({images.shape[0]} characters in a window)"
        shape = "×".join(map(str, images.shape))
        words = normalisation_words(images.normalisation)
        return f"images: {self.source.data}, {self.source.split} ({shape}); {words} ({self.why})"


def trained_with(paths: Iterable[Path]) -> dict[str, dict[str, Any] | None]:
    """Return the normalisation that files of weights know they were trained with, by file.

    A file that knows of none is left out; None is a network that was trained on pixels in [0, 1].

    Raises:
        FileError: If what a file says about it cannot be read.
    """
    found = {str(path): _metadata(path).get("normalisation") for path in paths}
    known = {}
    for name, text in found.items():
        if text is not None:
            known[name] = parse.json_object(f"{name}, normalisation", text) if text != "null" else None
    return known


def _metadata(path: Path) -> dict[str, str]:
    """Return the strings beside the tensors of a safetensors file; none for any other."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def _imagenet() -> tuple[tuple[float, ...], tuple[float, ...]]:
    from rainbownet.data.source import IMAGENET_MEAN, IMAGENET_STD

    return IMAGENET_MEAN, IMAGENET_STD
