"""Data sets in the Hugging Face layout, from the hub or a local folder, decoded into tensors once and cached."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from rainbownet.data.cache import cache_path, folder_fingerprint, read_cache, write_cache
from rainbownet.data.decode import decode_images
from rainbownet.errors import DataError
from rainbownet.extras import require


@dataclass(frozen=True, eq=False)
class Decoded:
    """The pixels and labels of one split.

    Args:
        inputs: Bytes, grey or RGB.
        targets: Indices into `classes`.
        classes: Names of the classes.
    """

    inputs: UInt8[Tensor, "n c h w"]
    targets: Int64[Tensor, " n"]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """What of a Hugging Face data set is wanted.

    Args:
        name: Folder or hub name.
        split: Split of it.
        config: Configuration of the data set on the hub, if it has several.
        inputs_column: Column of images; None finds the only one.
        targets_column: Column of labels; None finds the only one.
        size: None, or side of the square to which images are resized and cropped.
    """

    name: str
    split: str
    config: str | None = None
    inputs_column: str | None = None
    targets_column: str | None = None
    size: int | None = None


def load_hub(source: Source) -> Decoded:
    """Return a split of a data set as tensors.

    The first call decodes every image; later ones read the cached file, a local folder without importing `datasets`.

    Args:
        source: What to load.

    Returns:
        Pixels and labels.

    Raises:
        DataError: If the data set, split or columns cannot be found, or the images differ in size and `size` is None.
        MissingExtra: Without `datasets` or Pillow.
    """
    folder = Path(source.name).expanduser()
    options = {key: getattr(source, key) for key in ("split", "config", "inputs_column", "targets_column", "size")}
    table = None if folder.is_dir() else _open(source.name, source)
    fingerprint = folder_fingerprint(folder) if table is None else str(table._fingerprint)
    path = cache_path(folder.resolve().name if table is None else source.name, {"data": fingerprint, **options})
    cached = read_cache(path)
    if cached is not None:
        tensors, metadata = cached
        return Decoded(tensors["inputs"], tensors["targets"], tuple(metadata["classes"].split("\n")))
    decoded = _decode(table if table is not None else _open(str(folder.resolve()), source), source)
    tensors = {"inputs": decoded.inputs, "targets": decoded.targets}
    write_cache(path, tensors, {"classes": "\n".join(decoded.classes), "source": source.name, "split": source.split})
    return decoded


def _open(name: str, source: Source) -> Any:
    datasets = require("datasets", extra="train")
    try:
        splits = datasets.load_dataset(name, source.config)
    except Exception as error:  # The library raises anything from ValueError to HTTP errors here.
        raise DataError(
            f"data set {source.name!r}: it is neither 'digits' nor a folder or hub name that `datasets` can load "
            f"({type(error).__name__}: {error})"
        ) from error
    if source.split not in splits:
        raise DataError(f"data set {source.name!r} has no split {source.split!r}; it has {', '.join(splits)}")
    return splits[source.split]


def _decode(table: Any, source: Source) -> Decoded:
    inputs_column = _find_column(table, source, "Image", source.inputs_column, "inputs_column")
    targets_column = _find_column(table, source, "ClassLabel", source.targets_column, "targets_column")
    targets, classes = _labels(table, targets_column, source)
    image_feature = require("datasets", extra="train").Image(decode=False)
    encoded = table.select_columns([inputs_column]).cast_column(inputs_column, image_feature)
    inputs = decode_images(encoded, inputs_column, size=source.size, name=source.name)
    return Decoded(inputs, targets, classes)


def _find_column(table: Any, source: Source, kind: str, asked: str | None, argument: str) -> str:
    kinds = {column: type(feature).__name__ for column, feature in table.features.items()}
    listing = ", ".join(f"{column} ({kind})" for column, kind in kinds.items())
    if asked is not None:
        if asked not in kinds:
            raise DataError(f"data set {source.name!r} has no column {asked!r}; its columns are {listing}")
        return asked
    found = [column for column, name in kinds.items() if name == kind]
    if len(found) != 1:
        raise DataError(
            f"data set {source.name!r} has {len(found)} columns of type {kind}, and exactly one was expected; "
            f"name it with {argument}=. Its columns are {listing}"
        )
    return found[0]


def _labels(table: Any, column: str, source: Source) -> tuple[Int64[Tensor, " n"], tuple[str, ...]]:
    values: Sequence[Any] = table.with_format(None)[column][:]
    names = getattr(table.features[column], "names", None)
    if names is None:
        names = [str(value) for value in sorted(set(values))]
        index = {name: k for k, name in enumerate(names)}
        values = [index[str(value)] for value in values]
    targets = torch.as_tensor(np.asarray(values, dtype=np.int64))
    if len(targets) and int(targets.min()) < 0:
        raise DataError(
            f"data set {source.name!r}: split {source.split!r} has unlabelled images (label {int(targets.min())}); "
            "use a split with labels"
        )
    return targets, tuple(names)
