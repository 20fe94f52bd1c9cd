"""Networks from the command line: a name or factory, its arguments as JSON, and files of weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rainbownet.errors import ArchitectureError, RainbowError

if TYPE_CHECKING:
    from torch import nn


def parse_json(option: str, text: str | None) -> dict[str, Any]:
    """Read an option that holds a JSON object.

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


def build(spec: str, kwargs: str | None = None, weights: Path | None = None) -> "nn.Module":
    """Build a network and read its weights.

    Args:
        spec: Name of a reference network, or `"package.module:factory"`.
        kwargs: JSON arguments.
        weights: A state dict.

    Returns:
        The network, in evaluation mode.

    Raises:
        RainbowError: If any of the three cannot be used.
    """
    from rainbownet.resolve import load_weights, resolve_network

    network = resolve_network(spec, parse_json("--kwargs", kwargs))
    return (network if weights is None else load_weights(network, weights)).eval()


def build_all(spec: str, kwargs: Sequence[str], weights: Sequence[Path]) -> "list[nn.Module]":
    """Build one network for each file of weights.

    Raises:
        RainbowError: If there is no file, or a number of arguments other than one.
    """
    if not weights:
        raise ArchitectureError(
            "--weights is missing; name the state dict of the trained network, once for each network"
        )
    if len(kwargs) > 1:
        raise ArchitectureError(f"--kwargs is given {len(kwargs)} times; networks of one architecture share one")
    return [build(spec, kwargs[0] if kwargs else None, path) for path in weights]
