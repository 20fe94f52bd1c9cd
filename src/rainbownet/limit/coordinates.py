r"""White coordinates: a population's law as a mean and a factor, and layers that compute ``F x`` instead of ``W x``.

A neuron of a Gaussian law is :math:`w = m + F^\top g` with :math:`g` white, so its pre-activation on any input is the
inner product of :math:`g` with the `r` channels :math:`z = F x`, plus :math:`\langle m, x\rangle`. Everything that is
linear and acts channel by channel before the non-linearity may act on these channels instead of on the neurons.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.graph import Population
from rainbownet.graph.nodes import fetch
from rainbownet.laws import FittedLaw
from rainbownet.laws.block import block_slices


def white_rows(
    law: FittedLaw, writers: Sequence[str], names: Sequence[str], *, joint: bool
) -> tuple[Float[Tensor, "s D"], bool]:
    """Return the rows that replace the neurons of a population.

    Args:
        law: The population's law.
        writers: The weights that write it.
        names: Parameters that make up the pre-activation; columns of others are zero.
        joint: Whether all writers share one sample; else each writer, with what follows it, has coordinates of its own.

    Returns:
        The rows of the factor and, last, the mean where it is not zero; and whether there is a mean.

    Raises:
        LawError: If neurons are not Gaussian under the law.
    """
    mean, factor = law.mean_and_factor()
    used = torch.zeros_like(mean)
    groups: list[Tensor] = []
    for block, columns in zip(law.blocks, block_slices(law.blocks), strict=True):
        if not groups or (not joint and block.name in writers and groups[-1].any()):
            groups.append(torch.zeros_like(mean))
        if block.name in names:
            used[columns] = groups[-1][columns] = 1.0
    parts = [factor * group for group in groups]
    rows = torch.cat([part[part.abs().amax(1) > 0] for part in parts])
    mean = mean * used
    return (torch.cat([rows, mean[None]]), True) if mean.any() else (rows, False)


def write_rows(
    root: nn.Module,
    population: Population,
    law: FittedLaw,
    rows: Float[Tensor, "s D"],
    fixed: Mapping[str, float],
    names: Sequence[str],
) -> None:
    """Give the layers that write a population `s` channels instead of its neurons, in place.

    Args:
        root: A module with the reference's parameters.
        population: The population.
        law: Its law, whose blocks name the columns.
        rows: Rows in place of the neurons.
        fixed: Parameters that have one value for every neuron.
        names: Parameters that make up the pre-activation; the others are left alone.
    """
    values = {}
    for block, columns in zip(law.blocks, block_slices(law.blocks), strict=True):
        if block.name in names:
            values[block.name] = (
                rows[:, columns].reshape(len(rows), *block.shape).movedim(0, population.axes[block.name])
            )
    for name in names:
        owner, _, leaf = name.rpartition(".")
        layer = fetch(root, owner) if owner else root
        old = fetch(root, name)
        value = torch.full((len(rows),), fixed[name]) if name in fixed else values[name]
        _replace(layer, leaf, value.to(device=old.device, dtype=old.dtype))
        for attribute in ("out_features", "out_channels", "num_features"):
            if hasattr(layer, attribute):
                setattr(layer, attribute, len(rows))


def _replace(layer: nn.Module, leaf: str, value: Tensor) -> None:
    value = value.contiguous()
    if leaf in layer._parameters:
        layer._parameters[leaf] = nn.Parameter(value, requires_grad=False)
    else:
        layer._buffers[leaf] = value
