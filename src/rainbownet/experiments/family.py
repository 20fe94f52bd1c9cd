"""The scattering networks that figures share, trained one after the other without computing a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rainbownet.errors import RainbowError
from rainbownet.experiments.context import Context
from rainbownet.experiments.scales import Scale, kept
from rainbownet.experiments.weight_covariance import NETWORK
from rainbownet.training import Recipe


class Wanted(NamedTuple):
    """A network that a figure asks for.

    Attributes:
        width: Its width.
        seed: Its seed.
        network: Name of the reference network.
        recipe: How it is trained.
        kwargs: Further arguments of the network.
    """

    width: float
    seed: int
    network: str
    recipe: Recipe
    kwargs: Mapping[str, Any]


def family(scale: Scale) -> list[Wanted]:
    """Return the networks of the figures on scattering networks, the narrowest first, each once.

    They are those of `activation_spectra`, `bulk`, `gaussianity`, `clipping`, `weight_covariance`, `dynamics`,
    `resampling` and the scattering networks of `alignment_error`. Untrained ones, which cost nothing, are left out.

    Example:
        >>> from rainbownet.experiments.scales import scale_named
        >>> [(wanted.width, wanted.seed) for wanted in family(scale_named("small"))][-4:]
        [(0.5, 0), (0.5, 1), (0.5, 2), (1.0, 0)]
    """
    crowd = [(scale.crowd[0], seed) for seed in range(scale.crowd[1])]
    base = [(scale.base, seed) for seed in range(scale.seeds)]
    each = [(width, seed) for width in scale.widths for seed in scale.seeds_at(width)]
    followed = [(scale.base, seed) for seed in range(scale.width_seeds)]
    deep, eight = scale.deep, scale.eight
    asked = [
        (deep, scale.recipe, {}, [*crowd, *base, *each]),
        (deep, scale.recipe, {"skip": True} if eight else {}, each),
        (NETWORK, scale.free, {}, [*base, *each]),
        (NETWORK, kept(scale.free), {}, [(scale.base, 0)]),
        (deep, kept(scale.free), {"normalize": False} if eight else {}, followed),
    ]
    found: list[Wanted] = []
    for network, recipe, kwargs, places in asked:
        for place in places:
            wanted = Wanted(*place, network, recipe, kwargs)
            if wanted not in found:
                found.append(wanted)
    return sorted(found, key=lambda wanted: (wanted.width, wanted.recipe.epochs, wanted.seed))


def share_of(text: str) -> tuple[int, int]:
    """Return which of how many processes this is.

    Raises:
        RainbowError: If the text is not such.

    Example:
        >>> share_of("2/3")
        (2, 3)
    """
    first, slash, of = text.partition("/")
    if not (slash and first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of)):
        raise RainbowError(f"share: {text!r}; which of how many processes is needed, such as 1/2")
    return int(first), int(of)


def train_family(context: Context, *, share: str = "1/1") -> Sequence[Wanted]:
    """Train the networks that figures share, one after the other, those that are there already left as they are.

    Args:
        context: Its scale says which, its folder where they are kept, each going on after its last epoch.
        share: `k/n` takes every n-th network from the k-th on: for n processes at once.

    Returns:
        The networks of this share.

    Raises:
        RainbowError: If the share is none, or a network cannot be trained.
    """
    first, of = share_of(share)
    own = family(context.scale)[first - 1 :: of]
    for width, seed, network, recipe, kwargs in own:
        context.train(network, recipe=recipe, seeds=[seed], widths=[width], kwargs=kwargs)
    return own
