"""Bases of what a layer reads: principal axes of its weights, of its activations, and random ones."""

from collections.abc import Sequence

import pandas as pd
import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.analysis.layer import AlignedLayer, in_basis
from rainbownet.analysis.one_basis import Aligned
from rainbownet.errors import RainbowError

BASES = ("weights", "activations", "random")
"""Weight PCA, activation PCA, and a random orthonormal basis."""

AXES = ("channels", "rows")
"""What directions are of: channels, the same at every position of a kernel, or whole rows."""


def layer_basis(
    layer: AlignedLayer, kind: str, *, axis: str = "channels", network: int | None = None, seed: int = 0
) -> Inexact[Tensor, "d k"]:
    r"""Return an orthonormal basis by decreasing importance (2.11).

    - `"weights"`: eigenvectors of the covariance of the rows of all the aligned networks, :math:`W^H W`;
    - `"activations"`: eigenvectors of the reference's :math:`E[z z^H]`;
    - `"random"`: the orthonormal factor of a Gaussian matrix.

    Args:
        layer: The layer.
        kind: Which basis.
        axis: `"channels"`: of the `d` channels, for convolutions with the covariance summed over positions of the
            kernel; `"rows"`: of whole rows, `d = D`, without the directions that `D > n` rows do not span.
        network: A network whose channels the basis is written in; those of the reference by default.
        seed: Seed of the random basis.

    Returns:
        Basis, a vector in each column.

    Raises:
        RainbowError: If there is no such basis or axis, if activations of whole rows are asked for where a row spans
            several positions, or if the network has another width than the reference.
    """
    if kind not in BASES or axis not in AXES:
        raise RainbowError(f"basis {kind!r} of axis {axis!r}: bases are {', '.join(BASES)}, of {' or '.join(AXES)}")
    rows, outer, inner = layer.stacked(), layer.shape[0], layer.shape[2]
    if axis == "channels":
        rows = channel_rows_of(rows, layer.shape)
    elif kind == "activations" and outer * inner > 1:
        raise RainbowError(
            f"layer {layer.name!r}: rows span {outer * inner} positions, of which moments of activations are not kept; "
            "use axis='channels'"
        )
    if kind == "weights":
        basis = _principal(rows)
    elif kind == "activations":
        basis = torch.linalg.eigh(layer.moment)[1].flip(1)
    else:
        noise = torch.randn(
            rows.shape[1], rows.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        basis = torch.linalg.qr(noise)[0]
    if network is None:
        return basis
    map = layer.maps[network]
    if map.shape[0] != map.shape[1]:
        raise RainbowError(
            f"network: number {network} has {map.shape[1]} channels at layer {layer.name!r}, the reference "
            f"{map.shape[0]}; a basis can be carried over to networks of the same width only"
        )
    shape = layer.shape if axis == "rows" else (1, layer.channels, 1)
    return in_basis(basis.to(map.dtype).mH, shape, map).mH


def explained_variance(
    aligned: Aligned,
    *,
    bases: Sequence[str] = BASES,
    axis: str = "channels",
    ranks: Sequence[int] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Return the share of the weights' variance that the first directions of each basis hold.

    That is :math:`\sum_{r \le d} e_r^H \hat C e_r / \mathrm{tr}\,\hat C`, each basis in its own order: how much of what
    training does to weights is known from activations alone.

    Args:
        aligned: The networks, whose rows are put together.
        bases: Which bases; see `layer_basis`.
        axis: Directions of channels or of rows.
        ranks: Ranks wanted; all by default.
        seed: Seed of the random basis.

    Returns:
        A row per layer, basis and rank: `layer`, `basis`, `dimension`, `rank`, `explained`.

    Raises:
        RainbowError: If a basis is not there.
    """
    tables = []
    for layer in aligned:
        rows = layer.stacked() if axis == "rows" else channel_rows_of(layer.stacked(), layer.shape)
        for kind in bases:
            shares = explained_shares(rows, layer_basis(layer, kind, axis=axis, seed=seed))
            wanted = [r for r in (range(1, len(shares)) if ranks is None else ranks) if 0 <= r < len(shares)]
            tables.append(
                pd.DataFrame(
                    {
                        "layer": layer.name,
                        "basis": kind,
                        "dimension": rows.shape[1],
                        "rank": wanted,
                        "explained": shares[wanted].numpy(),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def explained_shares(rows: Inexact[Tensor, "n d"], basis: Inexact[Tensor, "d k"]) -> Inexact[Tensor, " _"]:
    """Return the share of the energy of rows in the first 0, 1, …, `k` vectors of an orthonormal basis.

    Example:
        >>> explained_shares(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.eye(2))
        tensor([0.0000, 0.9000, 1.0000], dtype=torch.float64)
    """
    energy = (rows @ basis.to(rows.dtype)).abs().double().square().sum(0)
    total = rows.abs().double().square().sum()
    return torch.cat([energy.new_zeros(1), energy.cumsum(0)]) / total


def channel_rows_of(rows: Inexact[Tensor, "n D"], shape: tuple[int, int, int]) -> Inexact[Tensor, "_n d"]:
    """Return rows of `outer × d × inner` columns as more rows of `d` channels, one for each position."""
    return rows.unflatten(1, shape).movedim(2, -1).reshape(-1, shape[1])


def _principal(rows: Tensor) -> Tensor:
    """Return right singular vectors, of which a short stack of rows has fewer than its columns."""
    if len(rows) > rows.shape[1]:
        return torch.linalg.eigh(rows.mH @ rows)[1].flip(1)
    return torch.linalg.svd(rows, full_matrices=False)[2].mH
