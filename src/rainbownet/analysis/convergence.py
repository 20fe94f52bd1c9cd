"""Convergence with width: how far activations and covariances of weights are from those of the widest networks."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Inexact
from scipy.sparse.linalg import aslinearoperator, eigsh
from torch import Tensor

from rainbownet.analysis.one_basis import Aligned
from rainbownet.checks import sequence_of
from rainbownet.errors import RainbowError
from rainbownet.spectra.decay import log_slope

DENSE = 1500
"""Dimension up to which all eigenvalues are computed; above it Lanczos iterations find the largest alone."""


def activation_convergence(aligned: Aligned, widths: Sequence[float]) -> pd.DataFrame:
    r"""Return how far the activations of each network are from the reference's, after alignment (2.4).

    Args:
        aligned: Networks of several widths, aligned to one of them, the widest as a rule.
        widths: Width of each network.

    Returns:
        A row per layer whose input is aligned and network other than the reference: `layer`, `width`, `network`,
        `channels`, `reference_channels`, `rows`, and on held-out images where there are any:

        - `error`: mean-square error of activations divided by the root of their own width, relative to the
            reference's (scattering networks);
        - `cosine_error`: twice one minus the cosine (ResNets);
        - `similarity`: that cosine.

    Raises:
        RainbowError: If there is not one width for each network.
    """
    _check(aligned, widths)
    rows = []
    for layer in aligned:
        if layer.reader.frozen:
            continue
        for m, match in enumerate(layer.quality):
            if m == aligned.reference:
                continue
            rows.append(
                {
                    "layer": layer.name,
                    "width": float(widths[m]),
                    "network": m,
                    "channels": match.own_channels,
                    "reference_channels": match.channels,
                    "rows": match.rows,
                    "error": match.channel_error,
                    "cosine_error": match.cosine_error,
                    "similarity": match.similarity,
                }
            )
    return pd.DataFrame(rows)


def covariance_convergence(aligned: Aligned, widths: Sequence[float]) -> pd.DataFrame:
    r"""Return how far the covariance of the weights at each width is from that at the reference's (2.6).

    .. math:: \|D_s \hat C_s - D \hat C\|_{op} \,/\, (D \lambda_1(\hat C))

    with covariances of the rows of all networks of a width, moved to the reference, each multiplied by the number `D`
    of inputs of its own networks.

    Args:
        aligned: Networks of several widths, aligned to one of the widest.
        widths: Width of each network; those of the reference's width give :math:`\hat C` together.

    Returns:
        A row per layer and width other than the reference's: `layer`, `width`, `networks`, `rows`, `dimension`,
        `reference_rows`, `error`.

    Raises:
        RainbowError: If there is not one width for each network.
    """
    _check(aligned, widths)
    wide = widths[aligned.reference]
    members = {width: [m for m, w in enumerate(widths) if w == width] for width in sorted(set(widths))}
    rows = []
    for layer in aligned:
        positions = layer.shape[0] * layer.shape[2]
        factors = {}
        for width, own in members.items():
            stacked, dimension = layer.stacked(own), positions * layer.fitted[own[0]].own_channels
            factors[width] = stacked * math.sqrt(dimension / len(stacked)), dimension
        reference, _ = factors[wide]
        largest = covariance_distance(reference, reference[:0])
        for width, (factor, dimension) in factors.items():
            if width != wide:
                rows.append(
                    {
                        "layer": layer.name,
                        "width": float(width),
                        "networks": len(members[width]),
                        "rows": len(factor),
                        "dimension": dimension,
                        "reference_rows": len(reference),
                        "error": covariance_distance(factor, reference) / largest,
                    }
                )
    return pd.DataFrame(rows)


def width_slopes(table: pd.DataFrame, value: str = "error") -> pd.DataFrame:
    """Fit a power of the width to the errors of each layer, by least squares on logarithms.

    Args:
        table: What `activation_convergence` or `covariance_convergence` returned.
        value: Which column.

    Returns:
        A row per layer: `layer`, `slope`, its `standard_error` (NaN with two points), `points`.

    Raises:
        RainbowError: If a layer has fewer than two widths, or a value is not positive.

    Example:
        >>> table = pd.DataFrame({"layer": "1", "width": [1.0, 2.0, 4.0], "error": [0.8, 0.4, 0.2]})
        >>> width_slopes(table).round(6)
          layer  slope  standard_error  points
        0     1   -1.0             0.0       3
    """
    rows = []
    for layer, part in table.groupby("layer", sort=False):
        if part["width"].nunique() < 2 or not (part[value] > 0).all():
            raise RainbowError(
                f"layer {layer!r}: a slope needs two widths and positive values, got "
                f"{dict(zip(part['width'], part[value], strict=True))}"
            )
        slope, error = log_slope(part["width"].to_list(), part[value].to_list())
        rows.append({"layer": layer, "slope": slope, "standard_error": error, "points": len(part)})
    return pd.DataFrame(rows)


def covariance_distance(a: Inexact[Tensor, "n D"], b: Inexact[Tensor, "m D"]) -> float:
    r"""Return the operator norm :math:`\|A^H A - B^H B\|` of a difference of covariances, from their factors.

    With stacked factors :math:`[A; B]^H = Q R` it is that of :math:`R\,\mathrm{diag}(1, -1)\,R^H`, as small as the
    smaller of their rows and columns; beyond 1500 of both it is found by Lanczos iterations on products with factors.

    Args:
        a: Factor of the first covariance.
        b: Factor of the second one; it may have no rows.

    Returns:
        The largest absolute eigenvalue of the difference.

    Example:
        >>> round(covariance_distance(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]])), 6)
        9.0
    """
    stacked = torch.cat([a, b]).to(torch.complex128 if a.is_complex() else torch.float64)
    signs = torch.ones(len(stacked), dtype=torch.float64)
    signs[len(a) :] = -1
    if min(stacked.shape) > DENSE:
        return _lanczos(stacked, signs)
    if len(stacked) < stacked.shape[1]:
        triangle = torch.linalg.qr(stacked.mH, mode="r")[1]
        difference = (triangle * signs) @ triangle.mH
    else:
        difference = (stacked.mH * signs) @ stacked
    return torch.linalg.eigvalsh(difference).abs().max().item()


def _lanczos(stacked: Tensor, signs: Tensor) -> float:
    factor = stacked.numpy()
    operator = aslinearoperator(factor.conj().T * signs.numpy()) @ aslinearoperator(factor)
    # A fixed start: the answer is the same from call to call.
    start = factor[np.abs(factor).sum(1).argmax()].conj()
    return float(abs(eigsh(operator, k=1, which="LM", v0=start, return_eigenvectors=False)[0]))


def _check(aligned: Aligned, widths: Sequence[float]) -> None:
    sequence_of("widths", widths, "numbers")
    if len(widths) != aligned.count:
        raise RainbowError(f"widths: {len(widths)} for {aligned.count} networks; one for each is needed")
