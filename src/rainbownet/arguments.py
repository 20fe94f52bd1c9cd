"""Checks of arguments: what has no meaning is refused in one line that names the argument and what would be right."""

import math
import operator
from collections.abc import Iterable
from typing import Any

from rainbownet.errors import RainbowError

_UNITS = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "B": 1}


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return a word that is one of some.

    Raises:
        RainbowError: If it is not.

    Example:
        >>> one_of("flatten", "channels", ("channels", "features"))
        'channels'
    """
    known = tuple(choices)
    if not isinstance(value, str) or value not in known:
        raise RainbowError(f"{name}: expected one of {', '.join(map(repr, known))}; got {value!r:.80}")
    return value


def whole(name: str, value: Any, *, least: int = 0, most: int | None = None) -> int:
    """Return a whole number between bounds.

    Raises:
        RainbowError: If it is no whole number or outside.

    Example:
        >>> whole("seed", 3)
        3
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        bounds = f"of at least {least}" if most is None else f"between {least} and {most}"
        raise RainbowError(f"{name}: expected a whole number {bounds}, got {value!r:.80}")
    return number


def share(name: str, value: Any, *, most: float = 1.0) -> float:
    """Return a share between 0 and `most`.

    Raises:
        RainbowError: If it is no number or outside.

    Example:
        >>> share("holdout", 0.1, most=0.5)
        0.1
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise RainbowError(f"{name}: expected a share between 0 and {most:g}, got {value!r:.80}")
    return float(value)


def number_of_bytes(name: str, value: Any) -> int:
    """Return a number of bytes, given as a number or as text with a unit.

    Raises:
        RainbowError: If it is no such number, or less than one byte.

    Example:
        >>> number_of_bytes("budget", "2GiB"), number_of_bytes("budget", "500MB"), number_of_bytes("budget", 1024)
        (2147483648, 500000000, 1024)
    """
    number = value
    if isinstance(value, str):
        upper = value.strip().upper()
        unit = next((unit for unit in _UNITS if upper.endswith(unit)), "")
        try:
            number = float(upper.removesuffix(unit)) * _UNITS.get(unit, 1)
        except ValueError:
            number = math.nan
    if isinstance(number, bool) or not isinstance(number, int | float) or not 1 <= number < 2**62:
        raise RainbowError(f"{name}: expected a positive number of bytes such as 2GiB or 500MB, got {value!r:.80}")
    return int(number)


SEED = 2**64 - 1
"""The largest seed."""


def seed_of(value: Any) -> int:
    """Return a seed: a whole number from 0 to 2⁶⁴ − 1.

    Raises:
        RainbowError: If it is none.
    """
    return whole("seed", value, most=SEED)
