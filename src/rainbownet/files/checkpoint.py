"""Weights of others: a state dict from a safetensors file or from `torch.save`, never unpickled."""

import pickle
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rainbownet.errors import FileError
from rainbownet.files.present import present
from rainbownet.files.reason import reason
from rainbownet.files.tensors import read_tensors

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys under which training scripts put the state dict next to other things."""

_SHOWN = 4
_DAMAGED = (ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError)
"""What `torch.load` raises for bytes that are not one of its files; each tried on mutated ones."""


def read_state(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file or a checkpoint of `torch.save`, without unpickling objects.

    Args:
        path: The file.

    Returns:
        Names → tensors, on the CPU.

    Raises:
        FileError: If the file is absent, damaged, or holds anything but a state dict.
    """
    path = Path(path)
    head = _head(path)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return read_tensors(path)[0]
    content = read_checkpoint(path)
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise FileError(f"{path}: it holds {_describe(content)}; a state dict (names → tensors) is needed")
    return {str(key): value for key, value in content.items()}


def read_checkpoint(path: str | PathLike[str]) -> Any:
    """Read what `torch.save` wrote, if it is made of tensors and plain values.

    Args:
        path: The file.

    Returns:
        What was saved, its tensors on the CPU.

    Raises:
        FileError: If the file is absent or damaged, or holds other objects, which are never unpickled.
    """
    path = Path(path)
    if not _head(path):
        raise FileError(f"{path}: an empty file; a state dict of torch.save is needed")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _is_pickle(path):
            raise FileError(f"{path}: neither a safetensors file nor a checkpoint of torch.save") from error
        raise FileError(
            f"{path}: it holds Python objects beside tensors, which are never unpickled; "
            "save `network.state_dict()` instead"
        ) from error
    except (OSError, *_DAMAGED) as error:
        raise FileError(
            f"{path}: neither a safetensors file nor a checkpoint of torch.save ({reason(error)})"
        ) from error


def _head(path: Path) -> bytes:
    with present(path, "a safetensors file or a state dict of torch.save").open("rb") as file:
        return file.read(9)


def _is_pickle(path: Path) -> bool:
    """Say whether a file begins as an archive of torch.save or a pickle does."""
    return _head(path).startswith((b"PK", pickle.PROTO))


def _describe(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dictionary with keys {', '.join(map(repr, list(content)[:_SHOWN]))}"
    return f"a {type(content).__name__}"
