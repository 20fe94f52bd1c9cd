"""Loading a labelled set of images by name: the built-in digits, a local folder, or a data set of the hub."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rainbownet.data.digits import load_digits
from rainbownet.data.hub import Source, load_hub
from rainbownet.data.images import Images
from rainbownet.errors import DataError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def load(
    source: str = "digits",
    *,
    split: str = "train",
    config: str | None = None,
    inputs_column: str | None = None,
    targets_column: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    grayscale: bool = False,
    size: int | None = None,
    classes: Sequence[str | int] | None = None,
    limit: int | None = None,
    seed: int = 0,
    random_labels: int | None = None,
) -> Images:
    """Load a data set.

    Colour images are normalised by the mean and deviation of ImageNet unless told otherwise (as the paper does, also on
    CIFAR-10), grey ones by their averages, the digits not at all. `grayscale` mixes the *normalised* colours, as the
    tutorial of the paper does, and then holds the result in float32.

    Args:
        source: `"digits"`, a folder in the Hugging Face layout, or a name on its hub.
        split: Part of the data set, `"train"`, `"test"` or what it calls them.
        config: Configuration of a hub data set that has several.
        inputs_column: Column of images, where there are several.
        targets_column: Column of labels, where there are several or they are not of type ClassLabel.
        mean: Mean per channel, for pixels in [0, 1].
        std: Standard deviation per channel.
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
        DataError: If something asked for is not there; the message says what is.
        MissingExtra: If the extra `train` is not installed.

    Example:
        >>> images = load("digits", split="test", classes=[3, 8], limit=20)
        >>> len(images), images.shape, images.classes
        (20, (1, 8, 8), ('3', '8'))
    """
    if source == "digits":
        images = load_digits(split)
    else:
        decoded = load_hub(Source(source, split, config, inputs_column, targets_column, size))
        grey = decoded.inputs.shape[1] == 1
        default_mean = (float(np.mean(IMAGENET_MEAN)),) if grey else IMAGENET_MEAN
        default_std = (float(np.mean(IMAGENET_STD)),) if grey else IMAGENET_STD
        images = Images(decoded.inputs, decoded.targets, decoded.classes, source, default_mean, default_std)
    images = replace(
        images,
        mean=images.mean if mean is None else tuple(float(value) for value in mean),
        std=images.std if std is None else tuple(float(value) for value in std),
    )
    images = _select(images, classes=classes, limit=limit, seed=seed, random_labels=random_labels)
    return _to_grey(images) if grayscale else images


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
        if not 0 < limit <= len(kept):
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
    return replace(images, inputs=grey, mean=(0.0,), std=(1.0,))


def _mix(images: Images, inputs: Tensor) -> Float[Tensor, "b 1 h w"]:
    weights = torch.tensor(LUMA)[:, None, None]
    return (images.normalise(inputs) * weights).sum(dim=1, keepdim=True)
