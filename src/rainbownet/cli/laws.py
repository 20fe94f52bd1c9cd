"""Presets, laws and alignments from the options of the command line."""

from typing import TYPE_CHECKING, Any

from rainbownet.errors import RainbowError

if TYPE_CHECKING:
    from rainbownet.aligned import Alignment
    from rainbownet.laws import Law

_NAMES = {"none": "identity", "ls": "least-squares"}


def law_from(name: str | None, preset_law: "Law", given: dict[str, Any]) -> "Law":
    """Return the law of the preset, changed by the options that were given.

    Args:
        name: Name of another law, or nothing.
        preset_law: The law of the preset.
        given: Fields by name; None was not given.

    Returns:
        The law.

    Raises:
        LawError: If the law is unknown or does not have such an option.
    """
    from rainbownet.laws import LAWS, from_dict
    from rainbownet.laws.gaussian import Gaussian

    own = {key: value for key, value in given.items() if value is not None}
    base: dict[str, Any] = preset_law.to_dict()
    if name is not None and name != base["name"]:
        base = {"name": name}
    if base["name"] == "smoothed" and name in LAWS:
        inner = {key: own.pop(key) for key in list(own) if key in Gaussian.__dataclass_fields__}
        base["base"] = {"name": "gaussian", **base.get("base", {}), **inner}
    return from_dict(base | own)


def alignment_from(name: str | None, ridge: float | None) -> "Alignment | None":
    """Return an alignment by name, or nothing without one.

    Raises:
        AlignmentError: If it is unknown or has no ridge.
    """
    if name is None:
        if ridge is not None:
            raise RainbowError("--ridge needs --alignment least-squares")
        return None
    from rainbownet.aligned import from_dict

    return from_dict({"name": _NAMES.get(name, name)} | ({} if ridge is None else {"ridge": ridge}))


def rank_from(text: str | None) -> int | float | None:
    """Read a rank: a whole number of directions, or the share of the energy they hold, below 1 or with a point.

    Example:
        >>> rank_from("16"), rank_from("0.9"), rank_from(None)
        (16, 0.9, None)
    """
    if text is None:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError as error:
        raise RainbowError(f"--rank is {text!r}; a number of directions or a share of the energy is needed") from error


def width_from(text: str) -> float | dict[str, float]:
    """Read a width: a factor, or one per module prefix.

    Example:
        >>> width_from("2"), width_from("layer1=4,layer3=8")
        (2.0, {'layer1': 4.0, 'layer3': 8.0})
    """
    try:
        if "=" not in text:
            return float(text)
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(value) for name, value in pairs}
    except ValueError as error:
        raise RainbowError(f"--width is {text!r}; a factor, or layer1=4,layer3=8, is needed") from error


def budget_from(text: str | None) -> int | None:
    """Read a number of bytes.

    Example:
        >>> budget_from("2GiB"), budget_from("500MB"), budget_from("1024")
        (2147483648, 500000000, 1024)
    """
    if text is None:
        return None
    units = {
        "KIB": 2**10,
        "MIB": 2**20,
        "GIB": 2**30,
        "TIB": 2**40,
        "KB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "B": 1,
    }
    upper = text.strip().upper()
    unit = next((unit for unit in units if upper.endswith(unit)), "")
    try:
        value = float(upper.removesuffix(unit)) * units.get(unit, 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 2**62:
        raise RainbowError(f"--budget is {text!r}; a number of bytes is needed, such as 2GiB or 500MB")
    return int(value)
