"""Decoded data sets on disk: one safetensors file each, under a name that says what was decoded and how."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from rainbownet.errors import FileError
from rainbownet.files.tensors import read_tensors, write_tensors

FORMAT = "1"


def cache_directory() -> Path:
    """Return where decoded data sets are kept: `RAINBOWNET_CACHE`, or `~/.cache/rainbownet`."""
    return Path(os.environ.get("RAINBOWNET_CACHE") or Path.home() / ".cache" / "rainbownet")


def folder_fingerprint(folder: Path) -> str:
    """Return a hash of the names, sizes and modification times of the files in a folder.

    Contents are not read: this must be quick for a data set of many gigabytes.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def cache_path(name: str, key: dict[str, Any]) -> Path:
    """Return the file of a decoded data set: its name, and a hash of everything that shaped it."""
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
    readable = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return cache_directory() / "images" / f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


def read_cache(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Return the tensors and the metadata of a cached data set, or None if it is absent or damaged."""
    if not path.is_file():
        return None
    try:
        return read_tensors(path)
    except FileError:
        return None


def write_cache(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a decoded data set; a reader sees the whole file or none."""
    write_tensors(path, tensors, metadata, parents=True)
