"""Data sets in files of NumPy: arrays `images` and `labels`, a split each or several in one file."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from rainbownet.data.images import Decoded
from rainbownet.errors import DataError

CHANNELS = (1, 3)


def is_npz(path: Path) -> bool:
    """Whether a path is an `.npz` file, or a folder that holds some."""
    return path.suffix == ".npz" if path.is_file() else bool(_splits(path))


def load_npz(path: Path, split: str) -> Decoded:
    """Read one split.

    Args:
        path: A file, in which the arrays of the split `train` are called `images` and `labels` and those of another
            `test_images` and `test_labels`; or a folder with a file of `images` and `labels` for each split.
        split: The split.

    Returns:
        Pixels and labels. Classes are named by the array `classes`, or numbered up to the largest label of any split.

    Raises:
        DataError: If the file cannot be read, or lacks the split or what a split needs.
    """
    if path.is_dir():
        files = _splits(path)
        if split not in files:
            raise DataError(f"data set {str(path)!r} has no split {split!r}; it has {', '.join(files)}")
        parts = {name: _read(file) for name, file in files.items()}
    else:
        with_names = _read(path)
        known = sorted({key.rpartition("_")[0] or "train" for key in with_names if key.endswith("labels")})
        if split not in known:
            raise DataError(
                f"data set {str(path)!r} has no split {split!r} (arrays {split}_images and {split}_labels); "
                f"it has {', '.join(known) or 'none'}: its arrays are {', '.join(with_names) or 'none'}"
            )
        parts = {
            name: {key: with_names.get(_key(with_names, name, key)) for key in ("images", "labels")} for name in known
        }
        parts[split]["classes"] = with_names.get("classes")
    images, labels = (_array(parts[split], path, split, key) for key in ("images", "labels"))
    inputs = _pixels(images, path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != len(inputs):
        raise DataError(
            f"data set {str(path)!r}: labels are {labels.dtype} of shape {labels.shape}; "
            f"{len(inputs)} whole numbers, one for each image, are needed"
        )
    if len(labels) and int(labels.min()) < 0:
        raise DataError(f"data set {str(path)!r}: labels begin at {labels.min()}; classes are numbered from 0")
    return Decoded(inputs, torch.from_numpy(labels.astype(np.int64)), _classes(parts, split, path))


def _splits(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}


def _key(arrays: dict[str, Any], split: str, key: str) -> str:
    return key if split == "train" and f"train_{key}" not in arrays else f"{split}_{key}"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, BadZipFile, EOFError, KeyError) as error:
        said = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable .npz of numbers ({said})") from error


def _array(arrays: dict[str, Any], path: Path, split: str, key: str) -> NDArray[Any]:
    if arrays.get(key) is None:
        raise DataError(f"data set {str(path)!r}: split {split!r} has no array {key!r}; it has {', '.join(arrays)}")
    return arrays[key]


def _pixels(images: NDArray[Any], path: Path) -> torch.Tensor:
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"data set {str(path)!r}: images are {images.dtype}; uint8 or floats are needed")
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] in CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    elif images.ndim != 4 or images.shape[1] not in CHANNELS:
        raise DataError(
            f"data set {str(path)!r}: images have shape {images.shape}; (n, height, width), or four axes of which the "
            "last or the second is 1 or 3 channels, are needed"
        )
    if 0 in images.shape:
        raise DataError(f"data set {str(path)!r}: images have shape {images.shape}; at least one image is needed")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"data set {str(path)!r}: images hold NaN or infinite values")
    kept = images if images.dtype == np.uint8 else images.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(kept))


def _classes(parts: dict[str, dict[str, Any]], split: str, path: Path) -> tuple[str, ...]:
    labels = [part["labels"] for part in parts.values() if part.get("labels") is not None]
    number = 1 + max(int(part.max()) for part in labels if part.size)
    names = parts[split].get("classes")
    if names is None:
        return tuple(str(k) for k in range(number))
    if len(names) < number:
        raise DataError(f"data set {str(path)!r}: classes are {len(names)} names, but labels go up to {number - 1}")
    return tuple(str(name) for name in names)
