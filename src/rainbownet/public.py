"""Networks that other packages define: torchvision, timm and Hugging Face's transformers, by the names people use."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError
from rainbownet.extras import require

_KNOWN = "_rainbownet_preprocessing"
TOKENS = 16
"""Tokens of an example text."""


def is_public(name: str) -> bool:
    """Whether a name is of a network that another package defines.

    Example:
        >>> is_public("timm:vit_tiny_patch16_224"), is_public("mypackage.nets:small")
        (True, False)
    """
    return name.partition(":")[0] in _BUILDERS


def build_public(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network that another package defines.

    Args:
        name: ``"torchvision:resnet18"``, ``"timm:vit_tiny_patch16_224"`` or ``"hf:owner/name"``; what follows ``hf:``
            may be a local folder.
        arguments: Arguments of the package's own factory. `pretrained` asks for trained weights, of the package's cache
            or the network; without it they are random.

    Returns:
        The network, which knows its preprocessing where the package says what it is.

    Raises:
        MissingExtra: If the package is not installed, naming the extra.
        ArchitectureError: If `pretrained` is no truth value.
        Exception: What the package says of the name and the arguments.
    """
    package, _, own = name.partition(":")
    given = dict(arguments)
    pretrained = given.pop("pretrained", False)
    if not isinstance(pretrained, bool):
        raise ArchitectureError(f"network {name!r}: pretrained is {pretrained!r}; True or False is needed")
    network, known = _BUILDERS[package](own, pretrained, given)
    if known:
        setattr(network, _KNOWN, known)
    return network


def preprocessing(network: nn.Module) -> dict[str, Any] | None:
    """Return how a public network reads pixels: `mean` and `std` per channel for pixels in [0, 1], and `size`.

    Args:
        network: What `rainbownet.resolve` returned.

    Returns:
        The values that its own configuration has, or nothing where it has none.
    """
    return getattr(network, _KNOWN, None)


def preprocessing_of_all(networks: Iterable[nn.Module], name: str) -> dict[str, dict[str, Any] | None]:
    """Return the preprocessing of networks that know of one, by name."""
    known = [found for network in networks if (found := preprocessing(network)) and "mean" in found]
    return {f"{name} ({i + 1})" if len(known) > 1 else name: found for i, found in enumerate(known)}


def example_of(network: nn.Module) -> Tensor | None:
    """Return two inputs of a public network: black pictures of its size, or tokens; nothing for other networks."""
    if getattr(network, "main_input_name", None) == "input_ids":
        return torch.zeros(2, TOKENS, dtype=torch.int64)
    size = (preprocessing(network) or {}).get("size")
    return None if size is None else torch.zeros(2, 3, size, size)


Built = tuple[nn.Module, dict[str, Any]]


def _torchvision(name: str, pretrained: bool, arguments: dict[str, Any]) -> Built:
    models = require("torchvision.models", extra="torchvision")
    weights = models.get_model_weights(name).DEFAULT if pretrained else arguments.pop("weights", None)
    network = models.get_model(name, weights=weights, **arguments)
    transforms = getattr(weights, "transforms", None)
    if transforms is None:
        return network, {}
    made = transforms()
    crop = getattr(made, "crop_size", None)
    return network, _values(getattr(made, "mean", None), getattr(made, "std", None), crop)


def _timm(name: str, pretrained: bool, arguments: dict[str, Any]) -> Built:
    timm = require("timm", extra="timm")
    network = timm.create_model(name, pretrained=pretrained, **arguments)
    own = getattr(network, "pretrained_cfg", None) or {}
    return network, _values(own.get("mean"), own.get("std"), own.get("input_size"))


def _transformers(name: str, pretrained: bool, arguments: dict[str, Any]) -> Built:
    transformers = require("transformers", extra="hf")
    config = transformers.AutoConfig.from_pretrained(name, **arguments)
    architectures = getattr(config, "architectures", None) or ["AutoModel"]
    cls = getattr(transformers, architectures[0], None)
    if cls is None:
        raise ArchitectureError(f"network 'hf:{name}': transformers has no {architectures[0]!r}; update it")
    if pretrained:
        network = cls.from_pretrained(name, config=config).float()
    else:
        network = cls.from_config(config) if architectures[0] == "AutoModel" else cls(config)
    found = transformers.utils.cached_file(
        name, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False
    )
    own = json.loads(Path(found).read_text(encoding="utf-8")) if found else {}
    size = own.get("crop_size") or own.get("size")
    return network, _values(own.get("image_mean"), own.get("image_std"), size)


def _values(mean: Any, std: Any, size: Any) -> dict[str, Any]:
    """Return preprocessing from what packages say: a size is a number, a list that ends in it or a dictionary."""
    found: dict[str, Any] = {}
    if mean is not None and std is not None:
        found |= {"mean": [float(value) for value in mean], "std": [float(value) for value in std]}
    if isinstance(size, Mapping):
        size = size.get("height", size.get("shortest_edge"))
    if isinstance(size, (list, tuple)) and size:
        size = size[-1]
    return found | ({"size": size} if isinstance(size, int) else {})


_BUILDERS: dict[str, Callable[[str, bool, dict[str, Any]], Built]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "hf": _transformers,
}
