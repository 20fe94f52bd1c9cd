"""Spatial filters: the covariance of convolution kernels over positions, averaged over pairs of channels."""

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.checks import shown
from rainbownet.errors import ArchitectureError, RainbowError


def spatial_covariance(weight: Inexact[Tensor, "o i *k"]) -> Float[Tensor, "p p"]:
    r"""Return the mean outer product of the kernels of a convolution, uncentred (U).

    :math:`\frac{1}{C_{out} C_{in}} \sum_{o,i} w_{oi} w_{oi}^\top` over positions; of complex kernels the real part.

    Args:
        weight: Weight of a convolution, any number of spatial axes.

    Returns:
        `(k², k²)` in double precision.

    Example:
        >>> spatial_covariance(torch.tensor([[[[1.0, 2.0]]], [[[3.0, 0.0]]]]))
        tensor([[5., 1.],
                [1., 2.]], dtype=torch.float64)
    """
    if not isinstance(weight, Tensor) or weight.dim() < 3:
        raise RainbowError(f"weight is {shown(weight)}; that of a convolution, of three axes or more, is needed")
    kernels = weight.detach().flatten(2).flatten(0, 1)
    kernels = kernels.to(torch.complex128 if kernels.is_complex() else torch.float64)
    covariance = kernels.mT @ kernels.conj() / len(kernels)
    return covariance.real


def spatial_eigenvectors(network: nn.Module, *, layers: list[str] | None = None) -> pd.DataFrame:
    """Return the spectrum and the eigenvectors of the spatial covariance of each convolution of several positions.

    Args:
        network: The network.
        layers: Names of the convolutions wanted; all by default.

    Returns:
        A row per convolution and rank: `layer`, `kernel` (its shape), `rank`, `eigenvalue`, `share` of the trace, and
        `eigenvector`, a tuple in the order of the flattened kernel whose largest entry is positive.

    Raises:
        ArchitectureError: If there is no convolution of that name, or none at all.
    """
    if not isinstance(network, nn.Module):
        raise ArchitectureError(f"network is {shown(network)}; an nn.Module is needed")
    found = {
        name: module.weight
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.conv._ConvNd) and max(module.kernel_size) > 1
    }
    wanted = list(found) if layers is None else layers
    unknown = sorted(set(wanted) - set(found))
    if not found or unknown:
        asked = f"none named {unknown}" if found else "none"
        raise ArchitectureError(f"layers: {asked}; the convolutions of several positions are {list(found)}")
    rows = []
    for name in wanted:
        values, vectors = torch.linalg.eigh(spatial_covariance(found[name]).cpu())
        for rank, (value, vector) in enumerate(zip(values.flip(0), vectors.flip(1).T, strict=True), start=1):
            largest = vector[vector.abs().argmax()]
            rows.append(
                {
                    "layer": name,
                    "kernel": tuple(found[name].shape[2:]),
                    "rank": rank,
                    "eigenvalue": value.item(),
                    "share": (value / values.sum()).item(),
                    "eigenvector": tuple((vector * largest.sign()).tolist()),
                }
            )
    return pd.DataFrame(rows)


def spatial_cosines(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Compare the spatial eigenvectors of equal rank of every two convolutions of one kernel size.

    Args:
        a: What `spatial_eigenvectors` returned for a network.
        b: The same for another, or the same, network.

    Returns:
        A row per pair of convolutions and rank: `layer_a`, `layer_b`, `rank`, `cosine` (absolute).
    """
    pairs = a.merge(b, on=["kernel", "rank"], suffixes=("_a", "_b"))
    cosines = [
        abs(sum(x * y for x, y in zip(u, v, strict=True)))
        for u, v in zip(pairs["eigenvector_a"], pairs["eigenvector_b"], strict=True)
    ]
    return pairs[["layer_a", "layer_b", "rank"]].assign(cosine=cosines)
