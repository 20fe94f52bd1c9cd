"""Spiked covariances of neurons: the noise of each block, and the factor of what rises above it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.laws.block import Block, block_slices
from rainbownet.laws.factor import thin_factor
from rainbownet.spectra.shrinkage import bulk_variance, shrink_spiked


def noise_deviation(
    centred: Float[Tensor, "n D"], blocks: Sequence[Block], variance: float | None
) -> Float[Tensor, " D"]:
    """Return the deviation of the noise in each column.

    Args:
        centred: Rows less their mean.
        blocks: Which columns are which parameter.
        variance: Variance of the noise of a weight; estimated from the bulk of each block if None. A block of one
            number has no bulk: its own deviation is returned, so that all blocks come in comparable units.

    Returns:
        Deviation per column, 0 where a block does not vary at all.

    Example:
        >>> noise_deviation(torch.tensor([[2.0], [-2.0]]).double(), [Block("bias", ())], None)
        tensor([2.], dtype=torch.float64)
    """
    deviation = torch.zeros_like(centred[0])
    for block, columns in zip(blocks, block_slices(blocks), strict=True):
        part = centred[:, columns]
        if not part.any():
            continue
        if block.size == 1:
            noise = part.square().mean().item()
        elif variance is None:
            noise = bulk_variance(thin_factor(part)[1].square().sum(1), len(part), block.size)
        else:
            noise = variance
        deviation[columns] = noise**0.5
    return deviation


def spiked_factor(
    centred: Float[Tensor, "n D"], deviation: Float[Tensor, " D"]
) -> tuple[Float[Tensor, "n r"], Float[Tensor, "r D"]]:
    """Factor what rises above the noise, its eigenvalues shrunk by (U3) in units of the noise.

    Args:
        centred: Rows less their mean.
        deviation: Deviation of the noise per column.

    Returns:
        White coordinates of the rows along the spikes, and the factor of the shrunk covariance; no rows without spikes.
    """
    coordinates, factor = thin_factor(centred / torch.where(deviation > 0, deviation, 1.0))
    values = factor.square().sum(1)
    gamma = max(int(centred.any(0).sum()), 1) / len(centred)
    learned = shrink_spiked(values, gamma)
    spikes = learned > 0
    scale = (learned[spikes] / values[spikes]).sqrt()
    return coordinates[:, spikes], scale[:, None] * factor[spikes] * deviation
