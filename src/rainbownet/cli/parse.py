"""Numbers, widths and sizes from the text of an option; each refusal names the option and what would be right."""

import json
import math
from typing import Any

from rainbownet.errors import RainbowError


def numbers(option: str, text: str) -> list[float]:
    """Read numbers with commas between.

    Args:
        option: Name of the option, for the message.
        text: What was given.

    Returns:
        The numbers, all finite.

    Raises:
        RainbowError: If it is anything else.

    Example:
        >>> numbers("--widths", "0.5,1,2")
        [0.5, 1.0, 2.0]
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise RainbowError(f"{option} is {text!r}; numbers with commas between are needed, such as 0.5,1,2")
    return found


def positive_numbers(option: str, text: str) -> list[float]:
    """Read numbers above zero; see `numbers`."""
    found = numbers(option, text)
    if min(found) <= 0:
        raise RainbowError(f"{option} is {text!r}; every number must be positive")
    return found


def whole_numbers(option: str, text: str) -> list[int]:
    """Read whole numbers with commas between, or a range; see `numbers`.

    Example:
        >>> whole_numbers("--seeds", "0,3"), whole_numbers("--seeds", "0:3")
        ([0, 3], [0, 1, 2])
    """
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            found = list(range(first, last))
        else:
            found = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise RainbowError(f"{option} is {text!r}; whole numbers are needed: 0,1,2 or 0:3") from error
    if not found:
        raise RainbowError(f"{option} is {text!r}, which holds none; whole numbers are needed: 0,1,2 or 0:3")
    if found[0] < 0 or min(found) < 0:
        raise RainbowError(f"{option} is {text!r}; whole numbers from 0 are needed: 0,1,2 or 0:3")
    return found


def span(option: str, text: str | None) -> tuple[int, int] | None:
    """Read a first and a last rank; nothing without a text.

    Example:
        >>> span("--ranks", "2:50")
        (2, 50)
    """
    if text is None:
        return None
    ends = text.split(":")
    if len(ends) != 2 or not all(end.isdigit() for end in ends) or not 0 < int(ends[0]) < int(ends[1]):
        raise RainbowError(f"{option} is {text!r}; a first and a last rank are needed, such as 2:50")
    return int(ends[0]), int(ends[1])


def rank(option: str, text: str) -> int | float:
    """Read a rank: a whole number of directions, or the share of the energy they hold, with a point.

    Example:
        >>> rank("--rank", "16"), rank("--rank", "0.9")
        (16, 0.9)
    """
    try:
        return float(text) if "." in text else int(text)
    except ValueError as error:
        raise RainbowError(
            f"{option} is {text!r}; a number of directions or a share of the energy is needed"
        ) from error


def width(option: str, text: str) -> float | dict[str, float]:
    """Read a width: a factor, or one per module prefix.

    Example:
        >>> width("--width", "2"), width("--width", "layer1=4,layer3=8")
        (2.0, {'layer1': 4.0, 'layer3': 8.0})
    """
    pairs = [part.rpartition("=")[::2] for part in text.split(",")]
    try:
        found = {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        found = {}
    plain = set(found) == {""}
    if len(found) != len(pairs) or ("" in found and not plain) or not all(0 < v < math.inf for v in found.values()):
        raise RainbowError(f"{option} is {text!r}; a positive factor, or layer1=4,layer3=8, is needed")
    return found[""] if plain else found


def shape(option: str, text: str) -> tuple[int, ...]:
    """Read the shape of one input.

    Example:
        >>> shape("--input-shape", "3,32,32")
        (3, 32, 32)
    """
    parts = text.split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts) or math.prod(map(int, parts)) > 2**31:
        raise RainbowError(f"{option} is {text!r}; whole numbers with commas between are needed: 3,32,32")
    return tuple(int(part) for part in parts)


def json_object(option: str, text: str | None) -> dict[str, Any]:
    """Read an option that holds a JSON object; an empty one without a text.

    Raises:
        RainbowError: If it does not.
    """
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RainbowError(f"{option} is {text!r}, which is not JSON ({error}); an object is needed") from error
    if not isinstance(value, dict):
        raise RainbowError(f"{option} is {text!r}; a JSON object is needed, such as '{{\"width\": 2}}'")
    return value
