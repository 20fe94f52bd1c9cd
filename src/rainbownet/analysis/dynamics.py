"""Training dynamics: how weights grow and turn along the principal axes they end with (R18)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.analysis.bulk import check_rows
from rainbownet.errors import RainbowError

Checkpoint = Tensor | nn.Module | Mapping[str, Any]
"""Rows of weights, a network, or a state dict."""


def training_dynamics(
    checkpoints: Sequence[Checkpoint], layer: str | None = None, *, epochs: Sequence[float | int] | None = None
) -> pd.DataFrame:
    r"""Follow the weights of a layer along the principal axes of its final covariance (R18).

    With :math:`e_r` the eigenvectors of the uncentred covariance of the last checkpoint and
    :math:`u_r(t) = W(t) e_r`, one number per neuron,

    .. math:: a_r(t) = \|u_r(t)\| / \|u_r(0)\|, \qquad c_r(t) = \cos(u_r(t), u_r(0)).

    Training that only amplifies what initialisation drew has :math:`c_r = 1`; neurons drawn anew have
    :math:`c_r \approx 0`, up to :math:`1/\sqrt n`.

    Args:
        checkpoints: The layer over time, the first before training: tensors whose first axis counts neurons, networks
            of one architecture, or state dicts.
        layer: Name of the layer, or of one of its parameters; needed unless checkpoints are tensors. The last
            checkpoint's basis is the only one used: nothing is aligned.
        epochs: Time of each checkpoint; 0, 1, 2, … by default.

    Returns:
        A row per checkpoint and axis: `epoch`, `rank` (from 1), `eigenvalue` of the final covariance, `share` of its
        trace, `amplification` and `cosine` (signed; NaN where the first weights vanish along the axis).

    Raises:
        RainbowError: If there are fewer than two checkpoints, shapes differ, the layer is not there, or weights are
            zero or not finite.

    Source: Guth et al., JMLR 2024, figure 9: :math:`a_1 \approx 6`, cosines of 0.7 to 0.9.

    Example:
        >>> start = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
        >>> table = training_dynamics([start, start @ torch.diag(torch.tensor([4.0, 2.0, 1.0]))])
        >>> table[table.epoch == 1][["rank", "cosine"]].round(2).to_numpy().tolist()
        [[1.0, 1.0], [2.0, 0.99], [3.0, 0.99]]
    """
    rows, times = _checked(checkpoints, layer, epochs)
    axes, eigenvalues = _axes(rows[-1])
    start = rows[0] @ axes.T
    norms = start.norm(dim=0)
    ranks = np.arange(1, len(axes) + 1)
    share = (eigenvalues / eigenvalues.sum()).cpu().numpy()
    parts = []
    for time, weights in zip(times, rows, strict=True):
        moved = weights @ axes.T
        length = moved.norm(dim=0)
        parts.append(
            pd.DataFrame(
                {
                    "epoch": time,
                    "rank": ranks,
                    "eigenvalue": eigenvalues.cpu().numpy(),
                    "share": share,
                    "amplification": _ratio(length, norms),
                    "cosine": _ratio((moved * start).sum(0), length * norms).clip(-1, 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def weight_trajectories(
    checkpoints: Sequence[Checkpoint],
    layer: str | None = None,
    *,
    ranks: tuple[int, int] = (1, 2),
    epochs: Sequence[float | int] | None = None,
) -> pd.DataFrame:
    r"""Follow every neuron in the plane of two principal axes of the final covariance.

    Args:
        checkpoints: As for `training_dynamics`.
        layer: As for `training_dynamics`.
        ranks: The two axes, counted from 1; published were (1, 2), (1, 100) and (100, 101).
        epochs: Time of each checkpoint; 0, 1, 2, … by default.

    Returns:
        A row per checkpoint and neuron: `epoch`, `neuron` (from 0), `x` and `y`, its coordinates on the two axes,
        divided by the largest distance from the origin over all rows.

    Raises:
        RainbowError: As `training_dynamics`, and if there is no such axis.

    Source: Guth et al., JMLR 2024, figure 9, below.

    Example:
        >>> weight_trajectories([torch.eye(2), torch.diag(torch.tensor([4.0, 2.0]))]).abs().round(6)
           epoch  neuron     x     y
        0      0       0  0.25  0.00
        1      0       1  0.00  0.25
        2      1       0  1.00  0.00
        3      1       1  0.00  0.50
    """
    rows, times = _checked(checkpoints, layer, epochs)
    axes, _ = _axes(rows[-1])
    if not all(1 <= rank <= len(axes) for rank in ranks):
        raise RainbowError(f"ranks: expected two axes from 1 to {len(axes)}, got {ranks}")
    plane = axes[[rank - 1 for rank in ranks]]
    points = torch.stack([weights @ plane.T for weights in rows])
    points = points / points.norm(dim=-1).max()
    steps, count = points.shape[:2]
    return pd.DataFrame(
        {
            "epoch": np.repeat(np.asarray(times), count),
            "neuron": np.tile(np.arange(count), steps),
            "x": points[..., 0].flatten().cpu().numpy(),
            "y": points[..., 1].flatten().cpu().numpy(),
        }
    )


def weight_rows(checkpoint: Checkpoint, layer: str | None = None) -> Float[Tensor, "n D"]:
    """Return the weights of a layer, a row per output channel, in double precision.

    Args:
        checkpoint: A tensor whose first axis counts neurons, a network, or a state dict.
        layer: Name of a layer that has a `weight`, or of a parameter.

    Returns:
        Rows; real and imaginary parts of complex weights are separate columns.

    Raises:
        RainbowError: If the layer is not named or not there, or weights are zero or not finite.

    Example:
        >>> weight_rows(nn.Sequential(nn.Conv2d(3, 8, 5)), "0").shape
        torch.Size([8, 75])
    """
    value = checkpoint if isinstance(checkpoint, Tensor) else _parameter(checkpoint, layer)
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    if value.ndim < 2:
        raise RainbowError(f"layer {layer!r}: weights of shape {tuple(value.shape)} are no rows of two or more axes")
    return check_rows(value.flatten(1), f"layer {layer!r}" if layer is not None else "checkpoints")


def _parameter(checkpoint: nn.Module | Mapping[str, Any], layer: str | None) -> Tensor:
    if layer is None:
        raise RainbowError("layer: the name of a layer is needed where checkpoints are networks or state dicts")
    values: Mapping[str, Any]
    if isinstance(checkpoint, nn.Module):
        values = dict(checkpoint.named_parameters(remove_duplicate=False)) | dict(checkpoint.named_buffers())
    else:
        values = checkpoint
    for name in (layer, f"{layer}.weight"):
        if isinstance(values.get(name), Tensor):
            return values[name]
    known = [name for name, value in values.items() if isinstance(value, Tensor) and value.ndim > 1]
    raise RainbowError(f"layer: no parameter {layer!r} or '{layer}.weight'; there are {', '.join(known) or 'none'}")


def _checked(
    checkpoints: Sequence[Checkpoint], layer: str | None, epochs: Sequence[float | int] | None
) -> tuple[list[Tensor], Sequence[float | int]]:
    if len(checkpoints) < 2:
        raise RainbowError(f"checkpoints: two or more are needed, got {len(checkpoints)}")
    times = range(len(checkpoints)) if epochs is None else epochs
    if len(times) != len(checkpoints):
        raise RainbowError(f"epochs: {len(times)} times for {len(checkpoints)} checkpoints")
    rows = [weight_rows(checkpoint, layer) for checkpoint in checkpoints]
    for k, weights in enumerate(rows):
        if weights.shape != rows[-1].shape:
            raise RainbowError(
                f"checkpoints: number {k} has rows of shape {tuple(weights.shape)}, the last {tuple(rows[-1].shape)}"
            )
    return rows, times


def _axes(rows: Tensor) -> tuple[Tensor, Tensor]:
    _, values, axes = torch.linalg.svd(rows, full_matrices=False)
    keep = values > 1e-6 * values[0]
    return axes[keep], values[keep].square() / len(rows)


def _ratio(over: Tensor, under: Tensor) -> np.ndarray:
    return torch.where(under > 0, over / under, torch.nan).cpu().numpy()
