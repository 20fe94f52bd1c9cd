r"""White coordinates: a population's law as a mean and a factor, and layers that compute ``F x`` instead of ``W x``.

A neuron of a Gaussian law is :math:`w = m + F^\top g` with :math:`g` white, so its pre-activation on any input is the
inner product of :math:`g` with the `r` channels :math:`z = F x`, plus :math:`\langle m, x\rangle`. Everything that is
linear and acts channel by channel before the non-linearity may act on these channels instead of on the neurons.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.errors import LawError
from rainbownet.graph import Population
from rainbownet.graph.trace import fetch
from rainbownet.laws import FittedLaw
from rainbownet.laws.block import block_slices
from rainbownet.laws.gaussian import FittedGaussian
from rainbownet.laws.kronecker import FittedKronecker
from rainbownet.laws.white import FittedWhite


def mean_and_factor(law: FittedLaw) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
    """Return the mean and a factor of the covariance of a law under which neurons are Gaussian.

    Args:
        law: A fitted Gaussian, white or Kronecker law.

    Returns:
        Mean, and factor `F` with covariance ``FᵀF``.

    Raises:
        LawError: If neurons are not Gaussian under the law.

    Example:
        >>> from rainbownet.laws import Block, White
        >>> law = White().fit(torch.tensor([[3.0, 4.0, 5.0]]), [Block("weight", (2,)), Block("bias", ())])
        >>> mean_and_factor(law)
        (tensor([0., 0., 5.], dtype=torch.float64), tensor([[3.5355, 0.0000, 0.0000],
                [0.0000, 3.5355, 0.0000]], dtype=torch.float64))
    """
    if isinstance(law, FittedGaussian):
        return law.mean, law.factor if law.deviation is None else torch.cat([law.factor, _noise(law)])
    if isinstance(law, FittedWhite):
        return law.mean, torch.diag(law.deviation)[law.deviation > 0]
    if isinstance(law, FittedKronecker):
        parts = []
        for part in law.parts:
            rows = torch.zeros(part.rank, len(law.mean), dtype=law.mean.dtype, device=law.mean.device)
            rows[:, part.columns] = part.rows(torch.eye(part.rank).to(rows))
            parts.append(rows)
        return law.mean, torch.cat(parts)
    raise LawError(
        f"law: a limit is computed for laws under which neurons are Gaussian (Gaussian, White, Kronecker), got "
        f"{type(law).__name__}; fit the rainbow again with law=rainbownet.Gaussian()"
    )


def _noise(law: FittedGaussian) -> Float[Tensor, "D D"]:
    """Return the factor of the noise that is drawn on the complement of the spikes."""
    assert law.deviation is not None
    scale = torch.where(law.deviation > 0, law.deviation, 1.0)
    directions = nn.functional.normalize(law.factor / scale, dim=1)
    return (torch.eye(len(scale)).to(directions) - directions.T @ directions) * law.deviation


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
    """
    mean, factor = mean_and_factor(law)
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
