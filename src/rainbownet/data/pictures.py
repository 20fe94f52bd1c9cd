"""Folders of pictures by class: `train/cat/1.png`, or `cat/1.png` where there is one split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rainbownet.data.decode import decode_images
from rainbownet.data.images import Decoded
from rainbownet.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


@dataclass(frozen=True)
class _Pictures:
    """Files, read as a table of encoded images is."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: slice) -> dict[str, list[dict[str, Any]]]:
        return {"image": [{"bytes": None, "path": str(path)} for path in self.paths[rows]]}


def find_splits(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """Return the pictures of a folder: split → class → files, in alphabetical order.

    Nothing is found if something else than folders of pictures lies there. Hidden files and folders are left out.

    Args:
        folder: `folder/split/class/picture`, or `folder/class/picture`, which is the split `train`.
    """
    classes = _by_class(folder)
    if classes:
        return {"train": classes}
    splits = {place.name: _by_class(place) for place in _folders(folder)}
    return {name: found for name, found in splits.items() if found}


def load_pictures(folder: Path, splits: dict[str, dict[str, list[Path]]], split: str, size: int | None) -> Decoded:
    """Decode the pictures of one split; classes are those of all splits, in alphabetical order.

    Args:
        folder: The folder, for messages.
        splits: What `find_splits` found there.
        split: The split.
        size: None, or side of the square to which images are resized and cropped.

    Raises:
        DataError: If there is no such split, a picture cannot be decoded, or they differ in size and `size` is None.
    """
    if split not in splits:
        raise DataError(f"data set {str(folder)!r} has no split {split!r}; it has {', '.join(splits)}")
    classes = tuple(sorted({name for found in splits.values() for name in found}))
    files = [(path, classes.index(name)) for name, paths in sorted(splits[split].items()) for path in paths]
    inputs = decode_images(_Pictures([path for path, _ in files]), "image", size=size, name=str(folder))
    return Decoded(inputs, torch.tensor([label for _, label in files]), classes)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _by_class(folder: Path) -> dict[str, list[Path]]:
    found = {place.name: _files(place) for place in _folders(folder)}
    return {name: paths for name, paths in found.items() if paths}


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
