"""Networks from the command line: a name or factory, its arguments as JSON, and files of weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from rainbownet.cli import parse
from rainbownet.cli.images import trained_with
from rainbownet.cli.verb import Verb
from rainbownet.errors import ArchitectureError

if TYPE_CHECKING:
    from torch import nn

Pretrained = Annotated[bool, Parameter(negative=())]


@dataclass(frozen=True, kw_only=True)
class OnNetworks(Verb):
    """A verb about trained networks.

    Attributes:
        network: Name of a reference network, torchvision:NAME, timm:NAME, hf:OWNER/NAME, or package.module:factory.
        weights: State dict: safetensors, or torch.save of tensors only. May be repeated.
        kwargs: JSON arguments of the network.
        pretrained: Take the trained weights that torchvision, timm or Hugging Face have for it, instead of a file.
    """

    network: str = field(kw_only=False)
    weights: tuple[Path, ...] = ()
    kwargs: tuple[str, ...] = ()
    pretrained: Pretrained = False

    def trained_with(self, nets: "Sequence[nn.Module]" = ()) -> Mapping[str, Mapping[str, Any] | None]:
        """Return the preprocessing that the files of weights know of, or else the networks' own configurations."""
        from rainbownet.public import preprocessing_of_all

        return trained_with(self.weights) or preprocessing_of_all(nets, self.network)


def build(
    spec: str, kwargs: str | None = None, weights: Path | None = None, *, pretrained: bool = False
) -> "nn.Module":
    """Build a network and read its weights.

    Args:
        spec: Name of a network, see `rainbownet.resolve`.
        kwargs: JSON arguments.
        weights: A state dict.
        pretrained: Whether to load the trained weights of its package instead.

    Returns:
        The network, in evaluation mode.

    Raises:
        RainbowError: If any of the three cannot be used.
    """
    from rainbownet.naming import load_weights, resolve_network
    from rainbownet.public import is_public

    if pretrained and weights is not None:
        raise ArchitectureError("--pretrained and --weights exclude each other; give one of them")
    if pretrained and not is_public(spec):
        raise ArchitectureError(
            f"--pretrained: {spec!r} has no weights of its own; torchvision:NAME, timm:NAME and hf:OWNER/NAME have"
        )
    own = {"pretrained": True} if pretrained else {}
    network = resolve_network(spec, parse.json_object("--kwargs", kwargs) | own)
    return (network if weights is None else load_weights(network, weights)).eval()


def asks_for_trained(spec: str) -> bool:
    """Whether a name asks for trained weights itself, `"timm:resnet18(pretrained=True)"`."""
    from rainbownet.naming import split_arguments

    return bool(split_arguments(spec)[1].get("pretrained"))


def build_all(
    specs: Sequence[str],
    kwargs: Sequence[str],
    weights: Sequence[Path],
    *,
    counts: tuple[int, int | None] = (1, None),
    option: str = "--weights",
    pretrained: bool = False,
) -> "list[nn.Module]":
    """Build a network for each file of weights, or for each name whose package has trained weights.

    Args:
        specs: A name or factory: one for all networks, or one for each.
        kwargs: JSON arguments: none, one for all networks, or one for each.
        weights: The files.
        counts: How many files are needed at least and at most.
        option: The option that names the files.
        pretrained: Whether to take the packages' trained weights, without files; a name may ask for them as well.

    Raises:
        ArchitectureError: If there are too few or too many files, or a number of names or arguments that fits neither.
    """
    least, most = counts
    if not weights and (pretrained or all(asks_for_trained(name) for name in specs)) and len(specs) >= least:
        given = list(kwargs) * len(specs) if len(kwargs) == 1 else [*kwargs, *[None] * (len(specs) - len(kwargs))]
        return [build(name, own, pretrained=pretrained) for name, own in zip(specs, given, strict=True)]
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
