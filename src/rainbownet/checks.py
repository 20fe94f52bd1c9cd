"""Checks of arguments: a refusal is one line that names the argument, what was seen and what would be right."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from rainbownet.errors import ArchitectureError, RainbowError

if TYPE_CHECKING:
    import torch
    from torch import nn

SEED_LIMIT = 2**63
"""Seeds lie below it: what PyTorch's generators take as a signed number."""

_UNITS = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "B": 1}


def whole(
    name: str,
    value: Any,
    *,
    least: int = 0,
    most: int | None = None,
    otherwise: str = "",
    error: type[RainbowError] = RainbowError,
) -> int:
    """Return a whole number within bounds.

    Args:
        name: The argument, as the message calls it.
        value: What was given; a number of NumPy is one too, a boolean is not.
        least: The smallest that is right.
        most: The largest that is right.
        otherwise: What else is right, for the message.
        error: What to raise.

    Returns:
        The number.

    Raises:
        RainbowError: The given `error`, if it is not a whole number or lies outside.

    Example:
        >>> whole("batch_size", 16, least=1)
        16
    """
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise error(f"{name} is {shown(value)}; {otherwise}a whole number, {bounds}, is needed")
    number = int(value)
    if number < least or (most is not None and number > most):
        raise error(f"{name} is {shown(value)}; it must be {otherwise}{bounds}")
    return number


def real(
    name: str,
    value: Any,
    *,
    least: float | int | None = None,
    above: float | int | None = None,
    most: float | int | None = None,
    below: float | int | None = None,
    otherwise: str = "",
    error: type[RainbowError] = RainbowError,
) -> float:
    """Return a finite number within bounds.

    Args:
        name: The argument, as the message calls it.
        value: What was given; a number of NumPy is one too, a boolean is not.
        least: The smallest that is right.
        above: What it must exceed.
        most: The largest that is right.
        below: What it must stay under.
        otherwise: What else is right, for the message.
        error: What to raise.

    Returns:
        The number.

    Raises:
        RainbowError: The given `error`, if it is not a finite number or lies outside.

    Example:
        >>> real("lr", 0.1, above=0.0)
        0.1
    """
    said = {"at least": least, "above": above, "at most": most, "below": below}
    bounds = " and ".join(f"{word} {bound:g}" for word, bound in said.items() if bound is not None)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise error(f"{name} is {shown(value)}; {otherwise}a number{bounds and ' '}{bounds} is needed")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    inside = (
        math.isfinite(number)
        and (least is None or number >= least)
        and (above is None or number > above)
        and (most is None or number <= most)
        and (below is None or number < below)
    )
    if not inside:
        raise error(f"{name} is {shown(value)}; it must be {otherwise}{bounds or 'finite'}")
    return number


def switch(name: str, value: Any, *, error: type[RainbowError] = RainbowError) -> bool:
    """Return True or False; a number is neither.

    Raises:
        RainbowError: The given `error`, if it is something else.
    """
    if not isinstance(value, bool):
        raise error(f"{name} is {shown(value)}; True or False is needed")
    return value


def share(name: str, value: Any, *, most: float = 1.0) -> float:
    """Return a share between 0 and `most`.

    Raises:
        RainbowError: If it is no number or outside.

    Example:
        >>> share("holdout", 0.1, most=0.5)
        0.1
    """
    return real(name, value, least=0.0, most=most)


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
        raise RainbowError(f"{name}: expected a positive number of bytes such as 2GiB or 500MB, got {shown(value)}")
    return int(number)


def seed_of(value: Any, name: str = "seed") -> int:
    """Return a seed, a whole number from 0 to 2⁶³ − 1.

    Raises:
        RainbowError: If it is not one.
    """
    return whole(name, value, least=0, most=SEED_LIMIT - 1)


def device_of_name(device: Any, name: str = "device") -> torch.device:
    """Return a device that is there.

    Args:
        device: `"cpu"`, `"cuda"`, `"cuda:1"`, … or a `torch.device`.
        name: The argument, as the message calls it.

    Returns:
        The device.

    Raises:
        RainbowError: If it is no device, or one that this machine or this build of PyTorch lacks.

    Example:
        >>> device_of_name("cpu")
        device(type='cpu')
    """
    import torch

    if not isinstance(device, (str, torch.device)):
        raise RainbowError(f"{name} is {shown(device)}; 'cpu', 'cuda', 'cuda:0' or a torch.device is needed")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise RainbowError(f"{name} is {device!r}, which PyTorch does not know; such as 'cpu' or 'cuda'") from error
    if place.type == "meta":
        raise RainbowError(f"{name} is 'meta', where tensors hold no numbers; 'cpu' or 'cuda' is needed")
    if place.type == "cpu":
        return place
    try:
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        raise RainbowError(f"{name} is {str(device)!r}, which is not there; use 'cpu', or leave it out") from error
    return place


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
        raise RainbowError(f"{name}: expected one of {', '.join(map(repr, known))}; got {shown(value)}")
    return value


def modules(name: str, value: Any) -> list[nn.Module]:
    """Return one network, or several, as a list.

    Raises:
        ArchitectureError: If there is none, or something else among them.
    """
    from torch import nn

    if isinstance(value, nn.Module):
        return [value]
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
        raise ArchitectureError(f"{name} is {shown(value)}; an nn.Module or a list of them is needed")
    found = list(value)
    if not found:
        raise ArchitectureError(f"{name}: an empty sequence; one trained network at least is needed")
    for k, module in enumerate(found):
        if not isinstance(module, nn.Module):
            raise ArchitectureError(f"{name}: number {k} is {shown(module)}; an nn.Module is needed")
    return found


def words_of(name: str, value: Any, *, error: type[RainbowError] = RainbowError) -> Sequence[str]:
    """Return a list of names; a string is not a list of letters.

    Raises:
        RainbowError: The given `error`, if it is something else.

    Example:
        >>> words_of("layers", ["conv1"])
        ['conv1']
    """
    if isinstance(value, str):
        raise error(f"{name} is {shown(value)}; a list of names is needed, [{value!r}]")
    grouped = isinstance(value, tuple | set | frozenset)
    words = list(value) if grouped else sequence_of(name, value, "names", error=error)
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise error(f"{name} holds {shown(wrong[0])}; a list of names is needed")
    return words


def path_of(name: str, value: Any) -> str | PathLike[str]:
    """Return what can be a path.

    Raises:
        RainbowError: If it cannot.
    """
    if isinstance(value, str | PathLike) and str(value):
        return value
    raise RainbowError(f"{name} is {shown(value)}; a file's name or path is needed")


def sequence_of(name: str, value: Any, what: str, *, error: type[RainbowError] = RainbowError) -> Sequence[Any]:
    """Return a list or tuple (or range); a string is not a list of letters.

    Args:
        name: The argument, as the message calls it.
        value: What was given.
        what: What it should hold, in the plural.
        error: What to raise.

    Raises:
        RainbowError: The given `error`, if it is something else.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise error(f"{name} is {shown(value)}; a list of {what} is needed")
    return value


def shown(value: Any) -> str:
    """Return a value as one short line for a message."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}… ({type(value).__name__})"
