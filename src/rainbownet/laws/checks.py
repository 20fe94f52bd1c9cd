"""What options and tensors of laws may be: numbers, ranks and shapes, refused by the name of the argument."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rainbownet.errors import LawError

Shape = tuple[int | str, ...]
"""Sizes of a tensor, or letters that stand for the same size wherever they are."""


def check_whole(argument: str, value: Any, least: int, otherwise: str = "") -> int:
    """Return a whole number, or refuse it.

    Args:
        argument: Name of the argument.
        value: What was given.
        least: Smallest number that has a meaning.
        otherwise: What else the argument may be, for the message.

    Returns:
        The number, as Python's own.

    Raises:
        LawError: If it is not a whole number of at least `least`.

    Example:
        >>> check_whole("k", 1.5, 1)
        Traceback (most recent call last):
        ...
        rainbownet.errors.LawError: k: expected a whole number ≥ 1, got 1.5
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise LawError(f"{argument}: expected {otherwise}a whole number ≥ {least}, got {value!r}")
    return int(value)


def check_number(argument: str, value: Any, wanted: str, *, low: float, high: float, open_low: bool = False) -> float:
    """Return a finite number within bounds, or refuse it.

    Args:
        argument: Name of the argument.
        value: What was given.
        wanted: What it should be, for the message.
        low: Least value.
        high: Largest value.
        open_low: Whether the least value itself is out.

    Returns:
        The number, as Python's own.

    Raises:
        LawError: If it is no number, not finite or outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise LawError(f"{argument}: expected {wanted}, got {value!r}")
    if not low <= value <= high or (open_low and value == low):
        raise LawError(f"{argument}: expected {wanted}, got {value!r}")
    return float(value)


def check_rank(value: Any) -> int | float | None:
    """Return a rank: None, a number of directions, or a share of the energy.

    Args:
        value: What was given. A whole number counts directions, so that 1 is one direction and 1.0 all the energy.

    Returns:
        The rank.

    Raises:
        LawError: If it is none of them.

    Example:
        >>> check_rank(0.9), check_rank(32)
        (0.9, 32)
    """
    if value is None:
        return None
    wanted = "None, a whole number of directions ≥ 1, or a share of the energy in (0, 1]"
    if isinstance(value, int | np.integer):
        return check_whole("rank", value, 1, "None, a share of the energy in (0, 1], or ")
    return check_number("rank", value, wanted, low=0.0, high=1.0, open_low=True)


def check_switch(argument: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Args:
        argument: Name of the argument.
        value: What was given.

    Raises:
        LawError: If it is neither.
    """
    if not isinstance(value, bool):
        raise LawError(f"{argument}: expected True or False, got {value!r}")


def check_tensor(name: str, tensor: Tensor, shape: Shape, sizes: dict[str, int]) -> None:
    """Refuse a tensor of a file that does not fit the others.

    Args:
        name: What it is called in the file.
        tensor: The tensor.
        shape: Its shape.
        sizes: What letters stand for, known so far; new letters are added.

    Raises:
        LawError: If its shape is another, or it holds complex numbers, NaN or Inf.

    Example:
        >>> sizes = {"D": 3}
        >>> check_tensor("factor", torch.zeros(2, 3), ("r", "D"), sizes)
        >>> sizes
        {'D': 3, 'r': 2}
    """
    if tensor.dim() == len(shape):
        for letter, size in zip(shape, tensor.shape, strict=True):
            if isinstance(letter, str):
                sizes.setdefault(letter, size)
    expected = tuple(sizes.get(size, size) if isinstance(size, str) else size for size in shape)
    if tuple(tensor.shape) != expected:
        raise LawError(f"tensor {name!r} has the shape {tuple(tensor.shape)}, expected {expected}")
    if tensor.is_complex() or not torch.isfinite(tensor).all():
        raise LawError(f"tensor {name!r} holds complex numbers, NaN or Inf; a law is made of finite real numbers")
