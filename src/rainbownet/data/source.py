"""Loading a labelled set of images by name: the built-in digits, local files, or a data set of the hub."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rainbownet.checks import real, seed_of, sequence_of, shown, whole
from rainbownet.data.digits import load_digits
from rainbownet.data.hub import Source, load_folder, load_hub
from rainbownet.data.images import Images
from rainbownet.data.npz import is_npz, load_npz
from rainbownet.errors import DataError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
IMAGENET: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
"""The normalisation of ImageNet, which the published networks read, also on CIFAR: `load("cifar10", **IMAGENET)`."""

LARGEST = 2**14
"""The largest side that `size` may ask for, in pixels."""

LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def load(
    source: str | Path = "digits",
    *,
    split: str = "train",
    config: str | None = None,
    inputs_column: str | None = None,
    targets_column: str | None = None,
    mean: Sequence[float | int] | None = None,
    std: Sequence[float | int] | None = None,
    grayscale: bool = False,
    size: int | None = None,
    classes: Sequence[str | int] | None = None,
    limit: int | None = None,
    seed: int = 0,
    random_labels: int | None = None,
) -> Images:
    """Load a data set.

    What `source` may be, the first that is there:

    - `"digits"`: scikit-learn's digits, with its own split;
    - a file `name.npz` of NumPy: `images` (n × height × width, or with 1 or 3 channels last or first; bytes, or floats
      that stay as they are) and `labels` (n whole numbers from 0) are the split `train`; another split has arrays
      `test_images` and `test_labels`, and so on; optional `classes` holds their names;
    - a folder with `train.npz`, `test.npz`, … of `images` and `labels`;
    - a folder of pictures by class, `train/cat/1.png`, `test/dog/2.jpg`, …, or `cat/1.png` for one split `train`;
    - a folder in the layout of the Hugging Face hub (Parquet files, for instance);
    - the name of such a folder in the one that the environment variable `RAINBOWNET_DATA` names;
    - the name of a data set on the Hugging Face hub.

    Bytes are scaled to [0, 1], and nothing else is done to them unless `mean` and `std` are given: they must be those
    that the network was trained with (`**IMAGENET` for the published ones). `grayscale` mixes the *normalised* colours,
    as the tutorial of the paper does, and then holds the result in float32.

    Args:
        source: Name or path.
        split: Part of the data set, `"train"`, `"test"` or what it calls them.
        config: Configuration of a hub data set that has several.
        inputs_column: Column of images, where there are several.
        targets_column: Column of labels, where there are several or they are not of type ClassLabel.
        mean: Mean per channel, for pixels in [0, 1]; zeros by default.
        std: Standard deviation per channel; ones by default.
        grayscale: Whether to turn colours into grey.
        size: Side of the centre crop after resizing the shorter side to 8/7 of it (224 for ImageNet): for images of
            several sizes.
        classes: Names or numbers of the classes to keep; they are renumbered in this order.
        limit: Number of images to keep, chosen at random among those left.
        seed: Seed of that choice.
        random_labels: Seed of labels drawn at random in place of the true ones, one for each index of the split.

    Returns:
        The images.

    Raises:
        DataError: If something asked for is not there or cannot be meant; the message says what is.
        MissingExtra: If the extra `train` is not installed.

    Example:
        >>> load("digits", split="test", classes=[3, 8], limit=20)
        Images('digits': 20 of 1×8×8, 2 classes; normalisation: none)
    """
    _check(source, split, size=size, limit=limit, seed=seed, random_labels=random_labels)
    classes = None if classes is None else sequence_of("classes", classes, "names or numbers", error=DataError)
    images = _find(Source(str(source), split, config, inputs_column, targets_column, size))
    images = replace(
        images,
        mean=images.mean if mean is None else _per_channel("mean", mean),
        std=images.std if std is None else _per_channel("std", std),
    )
    images = _select(images, classes=classes, limit=limit, seed=seed, random_labels=random_labels)
    return _to_grey(images) if grayscale else images


def _check(source: Any, split: Any, *, size: Any, limit: Any, seed: Any, random_labels: Any) -> None:
    for name, value, kinds in (("source", source, (str, Path)), ("split", split, str)):
        if not isinstance(value, kinds) or not str(value) or "\0" in str(value):
            raise DataError(f"{name} is {shown(value)}; a name{' or a path' if name == 'source' else ''} is needed")
    for name, value, least, most in (
        ("size", size, 1, LARGEST),
        ("limit", limit, 1, None),
        ("random_labels", random_labels, 0, 2**32 - 1),
    ):
        if value is not None:
            whole(name, value, least=least, most=most, error=DataError)
    seed_of(seed)


def _find(source: Source) -> Images:
    if source.name == "digits":
        return load_digits(source.split)
    place = local_path(source.name)
    if place is None:
        decoded = load_hub(source)
    elif is_npz(place):
        decoded = load_npz(place, source.split)
    else:
        decoded = load_folder(place, source)
    channels = decoded.inputs.shape[1]
    return Images(decoded.inputs, decoded.targets, decoded.classes, source.name, (0.0,) * channels, (1.0,) * channels)


def local_path(name: str) -> Path | None:
    """Return the file or folder of a data set: as named, or in the folder of `RAINBOWNET_DATA`; None if there is none.

    Raises:
        DataError: If the path cannot be looked at.
    """
    root = os.environ.get("RAINBOWNET_DATA")
    places = [Path(name).expanduser(), *([Path(root).expanduser() / name] if root else [])]
    try:
        found = next((path for path in places if path.exists()), None)
    except (OSError, RuntimeError) as error:
        raise DataError(f"source is {shown(name)}, which cannot be looked at ({error.__class__.__name__})") from error
    if found is not None and not found.is_dir() and found.suffix != ".npz":
        raise DataError(f"source is {name!r}, a file; of files, .npz is read")
    return found


def _per_channel(name: str, values: Any) -> tuple[float, ...]:
    listed = sequence_of(name, values, "numbers, one for each channel", error=DataError)
    return tuple(real(name, value, error=DataError) for value in listed)


def _select(
    images: Images, *, classes: Sequence[str | int] | None, limit: int | None, seed: int, random_labels: int | None
) -> Images:
    kept = torch.arange(len(images))
    names, targets = images.classes, images.targets
    if classes is not None:
        numbers = [_class_number(images, wanted) for wanted in classes]
        if len(set(numbers)) != len(numbers) or not numbers:
            raise DataError(f"classes is {list(classes)}; it must name at least one class, each once")
        renumbered = torch.full((len(names),), -1)
        renumbered[numbers] = torch.arange(len(numbers))
        names, targets = tuple(names[k] for k in numbers), renumbered[targets]
        kept = kept[targets >= 0]
    if random_labels is not None:
        targets = _random_labels(len(images), len(names), random_labels)
    if limit is not None:
        if limit > len(kept):
            raise DataError(
                f"limit is {limit}; data set {images.name!r} has {len(kept)} such images, and 1 is the least"
            )
        chosen = torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))[:limit]
        kept = kept[chosen.sort().values]
    if len(kept) == len(images):
        return replace(images, targets=targets, classes=names)
    return replace(images, inputs=images.inputs[kept], targets=targets[kept], classes=names)


def _class_number(images: Images, wanted: str | int) -> int:
    names = images.classes
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        return wanted
    if wanted in names:
        return names.index(wanted)
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise DataError(f"data set {images.name!r} has no class {wanted!r}; its {len(names)} classes are {shown}")


def _random_labels(n: int, classes: int, seed: int) -> Int64[Tensor, " n"]:
    # The legacy generator is that of the published experiments, so that a seed gives their labels.
    drawn = np.random.RandomState(seed).randint(classes, size=n)
    return torch.as_tensor(drawn, dtype=torch.int64)


def _to_grey(images: Images) -> Images:
    if images.inputs.shape[1] == 1:
        return images
    if images.inputs.shape[1] != 3:
        raise DataError(f"grayscale: data set {images.name!r} has {images.inputs.shape[1]} channels; it needs 1 or 3")
    grey = torch.cat([_mix(images, chunk) for chunk in images.inputs.split(4096)])
    return replace(images, inputs=grey, mean=(0.0,), std=(1.0,), mixed=(images.mean, images.std))


def _mix(images: Images, inputs: Tensor) -> Float[Tensor, "b 1 h w"]:
    weights = torch.tensor(LUMA)[:, None, None]
    return (images.normalise(inputs) * weights).sum(dim=1, keepdim=True)
