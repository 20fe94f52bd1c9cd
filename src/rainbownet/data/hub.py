"""Data sets in the Hugging Face layout, from the hub or a local folder, decoded into tensors once and cached."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from rainbownet.data.cache import cache_path, folder_fingerprint, read_cache, write_cache
from rainbownet.data.decode import decode_images
from rainbownet.data.images import Decoded
from rainbownet.data.pictures import find_splits, load_pictures
from rainbownet.errors import DataError
from rainbownet.extras import require


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


def load_folder(folder: Path, source: Source) -> Decoded:
    """Return a split of a local folder as tensors: pictures by class, or a data set in the Hugging Face layout.

    The first call decodes every image; later ones read the cached file, which is known by the place, the sizes and the
    times of the files.

    Args:
        folder: The folder.
        source: What to load from it.

    Returns:
        Pixels and labels.

    Raises:
        DataError: If the split or columns cannot be found, or the images differ in size and `size` is None.
        MissingExtra: Without Pillow, or `datasets` where it is needed.
    """
    path = _cached_at(folder.resolve().name, folder_fingerprint(folder), source)
    found = _cached(path)
    if found is not None:
        return found
    splits = find_splits(folder)
    if splits:
        return _kept(path, load_pictures(folder, splits, source.split, source.size), source)
    # Outside the library's own cache, where a folder is known by its name alone and taken for a data set of the hub.
    with TemporaryDirectory(prefix="rainbownet-") as place:
        with _quietly():
            decoded = _decode(open_split(str(folder.resolve()), source, cache=place), source)
        return _kept(path, decoded, source)


def load_hub(source: Source) -> Decoded:
    """Return a split of a data set of the hub as tensors, decoded once and cached like a folder.

    Args:
        source: What to load.

    Returns:
        Pixels and labels.

    Raises:
        DataError: If the data set, split or columns cannot be found, or the images differ in size and `size` is None.
        MissingExtra: Without `datasets` or Pillow.
    """
    table = open_split(source.name, source)
    path = _cached_at(source.name, str(table._fingerprint), source)
    return _cached(path) or _kept(path, _decode(table, source), source)


def _cached_at(name: str, fingerprint: str, source: Source) -> Path:
    options = {key: getattr(source, key) for key in ("split", "config", "inputs_column", "targets_column", "size")}
    return cache_path(name, {"data": fingerprint, **options})


def _cached(path: Path) -> Decoded | None:
    cached = read_cache(path)
    if cached is None:
        return None
    tensors, metadata = cached
    return Decoded(tensors["inputs"], tensors["targets"], tuple(metadata["classes"].split("\n")))


def _kept(path: Path, decoded: Decoded, source: Source) -> Decoded:
    tensors = {"inputs": decoded.inputs, "targets": decoded.targets}
    write_cache(path, tensors, {"classes": "\n".join(decoded.classes), "source": source.name, "split": source.split})
    return decoded


@contextmanager
def _quietly() -> Iterator[None]:
    """Show no bars of `datasets`: nothing is downloaded."""
    progress: Any = require("datasets.utils", extra="train")
    if progress.are_progress_bars_disabled():
        yield
        return
    progress.disable_progress_bars()
    try:
        yield
    finally:
        progress.enable_progress_bars()


def open_split(name: str, source: Source, *, cache: str | None = None) -> Any:
    """Return a split as `datasets` gives it, nothing of it decoded.

    Args:
        name: Hub name, or the whole path of a folder.
        source: What is wanted of it.
        cache: Where `datasets` may keep what it makes of a folder; without, it is a data set of the hub.

    Raises:
        DataError: If it cannot be loaded or has no such split.
        MissingExtra: Without `datasets`.
    """
    splits = open_splits(name, source, cache=cache)
    if source.split not in splits:
        raise DataError(f"data set {source.name!r} has no split {source.split!r}; it has {', '.join(splits)}")
    if cache is None:
        _check_from_hub(splits[source.split], source)
    return splits[source.split]


def open_splits(name: str, source: Source, *, cache: str | None = None, streaming: bool = False) -> Any:
    """Return all splits as `datasets` gives them, by name; see `open_split`.

    Args:
        name: Hub name, or the whole path of a folder.
        source: What is wanted of it.
        cache: Where `datasets` may keep what it makes of it.
        streaming: Whether it is read as it is needed.
    """
    datasets = require("datasets", extra="train")
    options = ({} if cache is None else {"cache_dir": cache}) | ({"streaming": True} if streaming else {})
    try:
        return datasets.load_dataset(name, source.config, **options)
    except Exception as error:  # The library raises anything from ValueError to HTTP errors here.
        said = " ".join(str(error).split())
        raise DataError(
            f"data set {source.name!r}: it is neither 'digits' nor an .npz file, nor a folder or hub name that "
            f"`datasets` can load ({type(error).__name__}: {said})"
        ) from error


def _check_from_hub(table: Any, source: Source) -> None:
    """Refuse what `datasets` finds in its own cache of a local folder when the hub cannot be reached.

    There, a data set of the hub lies under the hash of its commit, a local one under a shorter hash of its files.
    """
    origin = next((Path(file["filename"]).parent for file in getattr(table, "cache_files", [])), None)
    if origin is not None and re.fullmatch("[0-9a-f]{16}", origin.name):
        raise DataError(
            f"data set {source.name!r}: no such folder is here, and the hub was not reached; what `datasets` has in "
            "its cache by that name is from another folder: give the path of the folder"
        )


def _decode(table: Any, source: Source) -> Decoded:
    inputs_column = find_column(table, source, "Image", source.inputs_column, "inputs_column")
    targets_column = find_column(table, source, "ClassLabel", source.targets_column, "targets_column")
    targets, classes = _labels(table, targets_column, source)
    image_feature = require("datasets", extra="train").Image(decode=False)
    encoded = table.select_columns([inputs_column]).cast_column(inputs_column, image_feature)
    inputs = decode_images(encoded, inputs_column, size=source.size, name=source.name)
    return Decoded(inputs, targets, classes)


def find_column(table: Any, source: Source, kind: str, asked: str | None, argument: str) -> str:
    """Return the name of a column: the one asked for, or the only one of a kind.

    Raises:
        DataError: If there is none, or there are several.
    """
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
