"""Tensors in a safetensors file with strings beside them, written whole and read without trust."""

import os
import struct
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from rainbownet.errors import FileError
from rainbownet.files.present import present
from rainbownet.files.reason import reason
from rainbownet.files.strict import parse_json
from rainbownet.files.write import replacing

_HEADER = 100_000_000
"""Bytes of a header at most, as the format has it."""


def write_tensors(
    path: str | PathLike[str],
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    *,
    parents: bool = False,
    pairs: bool = False,
) -> int:
    """Write tensors to a safetensors file, all of it or nothing; see `rainbownet.files.write.replacing`.

    Args:
        path: The file.
        tensors: What to write, from any device.
        metadata: Strings to keep beside them.
        parents: Whether to make the folders above it.
        pairs: Whether to write complex tensors as real and imaginary parts on a last axis.

    Returns:
        Size of the file in bytes.

    Raises:
        FileError: If it cannot be written.
    """
    plain = {}
    for key, value in tensors.items():
        value = torch.view_as_real(value) if pairs and value.is_complex() else value
        # Cloned because safetensors refuses tensors that share memory, as tied weights do.
        plain[key] = value.detach().cpu().contiguous().clone()
    with replacing(path, parents=parents) as temporary:
        try:
            save_file(plain, temporary, metadata=dict(metadata or {}))
        except SafetensorError as error:
            raise FileError(f"{path}: cannot be written ({error}); nothing was left behind") from error
        return temporary.stat().st_size


def serialised(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a safetensors file of tensors on the CPU that share no memory."""
    return save(dict(tensors), metadata=dict(metadata or {}))


def read_tensors(path: str | PathLike[str], what: str = "safetensors file") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file into memory.

    Args:
        path: The file.
        what: What it should be, for messages.

    Returns:
        Tensors by name, on the CPU, and the strings beside them.

    Raises:
        FileError: If it is absent, a folder, damaged, cut short or of another format.
    """
    path = present(path, f"a {what}")
    try:
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise FileError(f"{path}: damaged, cut short, or not a {what} ({reason(error)})") from error


def _check_header(path: Path) -> None:
    """Raise unless a file begins with a header that says one thing only: the library takes the last of equal keys."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"it has {len(start)} bytes")
        (length,) = struct.unpack("<Q", start)
        if length > min(_HEADER, os.fstat(file.fileno()).st_size - 8):
            raise ValueError("its header is longer than it is")
        header = parse_json(file.read(length), "header")
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    metadata: Any = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are no texts")
