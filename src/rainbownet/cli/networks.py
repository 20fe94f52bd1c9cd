"""Networks from the command line: a name or factory, its arguments as JSON, and files of weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rainbownet.cli import parse
from rainbownet.cli.images import trained_with
from rainbownet.cli.verb import Verb
from rainbownet.errors import ArchitectureError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class OnNetworks(Verb):
    """A verb about trained networks.

    Attributes:
        network: Name of a reference network, or package.module:factory.
        weights: State dict: safetensors, or torch.save of tensors only. May be repeated.
        kwargs: JSON arguments of the network.
    """

    network: str = field(kw_only=False)
    weights: tuple[Path, ...] = ()
    kwargs: tuple[str, ...] = ()

    def trained_with(self) -> Mapping[str, Mapping[str, Any] | None]:
        """Return the normalisation that the files of weights know of; see `images.trained_with`."""
        return trained_with(self.weights)


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
    from rainbownet.naming import load_weights, resolve_network

    network = resolve_network(spec, parse.json_object("--kwargs", kwargs))
    return (network if weights is None else load_weights(network, weights)).eval()


def build_all(
    specs: Sequence[str],
    kwargs: Sequence[str],
    weights: Sequence[Path],
    *,
    counts: tuple[int, int | None] = (1, None),
    option: str = "--weights",
) -> "list[nn.Module]":
    """Build a network for each file of weights.

    Args:
        specs: A name or factory: one for all networks, or one for each.
        kwargs: JSON arguments: none, one for all networks, or one for each.
        weights: The files.
        counts: How many files are needed at least and at most.
        option: The option that names the files.

    Raises:
        ArchitectureError: If there are too few or too many files, or a number of names or arguments that fits neither.
    """
    least, most = counts
    found = f"{option} is given {len(weights)} times"
    if not weights and least == 1:
        raise ArchitectureError(
            f"{option} is missing; name the state dict of the trained network, once for each network"
        )
    if most == least == 2 != len(weights):
        raise ArchitectureError(f"{found}; it is needed twice, once for each network")
    if len(weights) < least:
        raise ArchitectureError(f"{found}; {least} at least needed, each the state dict of a trained network")
    if len(specs) not in (1, len(weights)):
        raise ArchitectureError(f"{found} for {len(specs)} networks; it is needed once for each")
    if len(kwargs) not in (0, 1, len(weights)):
        raise ArchitectureError(
            f"--kwargs is given {len(kwargs)} times for {len(weights)} networks; once for all, or once for each"
        )
    names, arguments = (list(given) * (len(weights) if len(given) == 1 else 1) for given in (specs, kwargs))
    return [build(*parts) for parts in zip(names, arguments or [None] * len(weights), weights, strict=True)]
