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
    """Read whole numbers with commas between; see `numbers`.

    Example:
        >>> whole_numbers("--seeds", "0,1")
        [0, 1]
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise RainbowError(f"{option} is {text!r}; whole numbers with commas between are needed") from error
