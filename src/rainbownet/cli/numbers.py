"""Lists of numbers on the command line."""

from rainbownet.errors import RainbowError


def numbers(option: str, text: str) -> list[float]:
    """Read numbers with commas between.

    Args:
        option: Name of the option, for the message.
        text: What was given.

    Returns:
        The numbers.

    Raises:
        RainbowError: If it is anything else.

    Example:
        >>> numbers("--widths", "0.5,1,2")
        [0.5, 1.0, 2.0]
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise RainbowError(f"{option} is {text!r}; numbers with commas between are needed") from error


def whole_numbers(option: str, text: str) -> list[int]:
    """Read whole numbers with commas between, or a range; see `numbers`.

    Example:
        >>> whole_numbers("--seeds", "0,3"), whole_numbers("--seeds", "0:3")
        ([0, 3], [0, 1, 2])
    """
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            return list(range(first, last))
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise RainbowError(f"{option} is {text!r}; whole numbers are needed: 0,1,2 or 0:3") from error
