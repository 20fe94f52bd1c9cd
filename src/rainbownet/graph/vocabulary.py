"""What a file can say of a network: types of numbers, functions by module and name, arguments of module classes."""

import builtins
import inspect
import math
import operator
from typing import Any

import torch
from torch import nn

from rainbownet.files.closed_list import FUNCTIONS

_TYPES = "float16 bfloat16 float32 float64 complex64 complex128 bool uint8 int8 int16 int32 int64"
DTYPES: dict[str, torch.dtype] = {str(getattr(torch, name)): getattr(torch, name) for name in _TYPES.split()}
"""Types of numbers, by name."""

ROOTS: dict[str, Any] = {
    "operator": operator,
    "builtins": builtins,
    "math": math,
    "torch": torch,
    "torch.nn.functional": torch.nn.functional,
    "torch.special": torch.special,
    "torch.linalg": torch.linalg,
}
"""Modules whose functions are looked up."""


def function_named(root: str, name: str) -> Any:
    """Return a function of the closed list, or None."""
    return getattr(ROOTS[root], name, None) if name in FUNCTIONS.get(root, ()) else None


def arguments_of(cls: type[nn.Module]) -> list[str]:
    """Return the names of the arguments a file gives to a class of the closed list.

    Example:
        >>> arguments_of(nn.LeakyReLU)
        ['negative_slope']
    """
    unused = ("self", "device", "dtype", "args", "kwargs", "inplace", "_weight", "_freeze", "process_group")
    return [key for key in inspect.signature(cls.__init__).parameters if key not in unused]
