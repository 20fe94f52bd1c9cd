"""Widths by population: hidden layers wide enough for products of their inputs, residual streams less so."""

from collections.abc import Mapping

from rainbownet.checks import real
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network
from rainbownet.graph.network import Width


def product_widths(network: Network, streams: float | int = 4.0, *, most: float | int = 32.0) -> dict[str, float]:
    r"""Return a factor for each population of a residual network: `n / 2` for hidden layers, `streams` for streams.

    After least squares a drawn layer gives back what is linear in its neurons. A non-linearity makes products of pairs
    of its `n` coefficients, of which there are :math:`n (n + 1) / 2`: only that many neurons hold them all, so a layer
    of `n` wants a factor of about `n / 2`. Streams, which are written by several layers, mostly carry on what earlier
    layers wrote and do with less (`benchmarks/resnet20.py`, part `widths`).

    Args:
        network: The network of a rainbow.
        streams: Factor of populations that several layers write, and least factor of the others.
        most: Largest factor.

    Returns:
        Factors by the name of the population, for `width=`. In a network without streams every factor is `streams`.

    Raises:
        ArchitectureError: If a factor is not positive.

    Example:
        >>> import torch
        >>> from rainbownet.nets import build
        >>> network = Network(build("cifar_resnet", depth=8), torch.zeros(2, 3, 32, 32))
        >>> widths = product_widths(network)
        >>> widths["layer1.0.conv1"], widths["layer3.0.conv1"], widths["conv1"]
        (8.0, 32.0, 4.0)
    """
    if not (streams > 0 and most > 0):
        raise ArchitectureError(f"streams={streams}, most={most}: factors must be positive")
    drawn = [population for population in network.populations if not population.frozen]
    residual = any(len(population.writers) > 1 for population in drawn)
    return {
        p.name: float(min(most, max(streams, len(p) / 2))) if residual and len(p.writers) == 1 else float(streams)
        for p in drawn
    }


MOST = 10_000
"""The largest factor on a width that is not taken for a slip."""


def width_of(width: Width) -> Width:
    """Return a width: a factor, or one per module prefix.

    Raises:
        ArchitectureError: If a factor is no number from 0 to 10,000.
    """
    for name, factor in width.items() if isinstance(width, Mapping) else (("", width),):
        real(f"width of {name!r}" if name else "width", factor, least=0, most=MOST, error=ArchitectureError)
    return width
