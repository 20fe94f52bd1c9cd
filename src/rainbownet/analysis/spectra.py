"""Spectra of activations and of weights: eigenvalues by rank, raw and in the units figures are drawn in."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.analysis.layer import AlignedLayer, weight_rows
from rainbownet.analysis.one_basis import Aligned
from rainbownet.checks import shown
from rainbownet.errors import ArchitectureError, RainbowError
from rainbownet.spectra.decay import FEWEST, fit_exponential, fit_power_law
from rainbownet.spectra.measures import effective_rank

FITTED = ("power", "power_error", "power_r2", "exponential", "exponential_r2", "evidence")
"""What is told of the laws of decay."""


def activation_spectra(aligned: Aligned, *, mean: bool = False) -> pd.DataFrame:
    r"""Return the eigenvalues of the uncentred second moment of what each layer reads, :math:`E[z z^H]` (2.1).

    Args:
        aligned: The networks; their own channels are enough, so that widths do not matter.
        mean: The spectrum of the reference alone: that of the mean network if they were aligned to their mean.

    Returns:
        A row per layer, network and rank: `layer`, `network` (−1 for the reference), `dimension`, `rank` from 1,
        `eigenvalue`, `over_first` (by the largest), `times_dimension`, `over_mean` (by the mean of all). Largest
        eigenvalues come first; those below rounding are zero.

    Example:
        >>> from rainbownet.analysis import align_networks
        >>> inputs = torch.diag(torch.tensor([2.0, 1.0])).repeat(4, 1)
        >>> table = activation_spectra(align_networks(nn.Linear(2, 3), [inputs], holdout=0.0))
        >>> table[["layer", "rank", "eigenvalue", "over_first"]].round(6)
           layer  rank  eigenvalue  over_first
        0 weight     1         2.0        1.00
        1 weight     2         0.5        0.25
    """
    if not isinstance(aligned, Aligned):
        raise RainbowError(f"aligned is {shown(aligned)}; what `align_networks` returns is needed")
    tables = []
    for layer in aligned:
        moments = {-1: layer.moment} if mean else dict(enumerate(layer.moments))
        for network, moment in moments.items():
            tables.append(_table(moment_eigenvalues(moment), len(moment), layer=layer.name, network=network))
    return pd.concat(tables, ignore_index=True)


def weight_spectra(
    aligned: Aligned, *, pooled: Sequence[int] | None = None, initial: Sequence[nn.Module] = ()
) -> pd.DataFrame:
    r"""Return the eigenvalues of the uncentred covariance of the rows of each layer, :math:`W^H W / n` (2.5).

    Args:
        aligned: The networks.
        pooled: Numbers of networks whose rows are put together: `(1, 10)` for the first alone and for the first ten.
            All networks together by default.
        initial: The same networks before training. As many of them are pooled; they need no alignment, since weights
            drawn at random have no preferred basis.

    Returns:
        A row per layer, number of networks and rank: `layer`, `state` ("trained" or "initial"), `networks`, `rows`,
        `dimension`, `rank`, `eigenvalue`, `over_first`, `times_dimension`, `over_mean`, and `rescaled`: the eigenvalue
        times the dimension, the initial spectrum multiplied so that its last eigenvalue is that of the trained one.

    Raises:
        RainbowError: If a number of networks is not between 1 and what there is.
        ArchitectureError: If an initial network does not have a layer.
    """
    sizes = [aligned.count] if pooled is None else list(pooled)
    if bad := [size for size in sizes if not 1 <= size <= aligned.count]:
        raise RainbowError(f"pooled: expected numbers from 1 to {aligned.count}, got {bad}")
    if initial and len(initial) < max(sizes):
        raise RainbowError(f"initial: {max(sizes)} networks are pooled, got {len(initial)} untrained ones")
    tables = []
    for layer in aligned:
        start = [initial_rows(module, layer) for module in initial[: max(sizes)]]
        for size in sizes:
            states = {"trained": layer.stacked(range(size))}
            if start:
                states["initial"] = torch.cat(start[:size])
            found = {state: row_eigenvalues(rows) for state, rows in states.items()}
            for state, values in found.items():
                rows, dimension = states[state].shape
                table = _table(values, dimension, layer=layer.name, state=state, networks=size, rows=rows)
                last = found["trained"][-1] / values[-1] if values[-1] > 0 else torch.nan
                table["rescaled"] = table["times_dimension"] * float(last)
                tables.append(table)
    return pd.concat(tables, ignore_index=True)


def effective_ranks(spectra: pd.DataFrame) -> pd.DataFrame:
    r"""Return the effective rank :math:`\sum_k k \lambda_k / \sum_k \lambda_k` of each spectrum of a table.

    Args:
        spectra: What `activation_spectra` or `weight_spectra` returned.

    Returns:
        A row per spectrum, its keys and `effective_rank`.

    Example:
        >>> keys = {"layer": "0", "network": 0, "dimension": 2}
        >>> effective_ranks(pd.DataFrame({**keys, "rank": [1, 2], "eigenvalue": [1.0, 1.0]}))
          layer  network  dimension  effective_rank
        0     0        0          2             1.5
    """
    keys = [key for key in ("layer", "state", "network", "networks", "rows", "dimension") if key in spectra.columns]
    rows = []
    for _, part in spectra.groupby(keys, sort=False):
        values = torch.tensor(part["eigenvalue"].to_numpy(float))
        rows.append({**{key: part[key].iloc[0] for key in keys}, "effective_rank": effective_rank(values)})
    return pd.DataFrame(rows)


def decay_fits(spectra: pd.DataFrame, ranks: tuple[int, int] | None = None) -> pd.DataFrame:
    r"""Fit a power law and an exponential to each spectrum of a table.

    Args:
        spectra: What `activation_spectra` or `weight_spectra` returned.
        ranks: First and last rank to fit, cut to the ranks there are; the larger half of each spectrum by default,
            since finite images and rows bend the smaller one down.

    Returns:
        A row per spectrum, its keys and `effective_rank`, `first` (the largest eigenvalue), `fitted` (ranks), `power`
        (exponent of the rank), `power_error` and `power_r2`, `exponential` (decay per rank) and `exponential_r2`, and
        `evidence` for the power law; see `SpectrumFit`. NaN where there are fewer than four ranks.

    Example:
        >>> keys = {"layer": "0", "network": 0, "dimension": 20}
        >>> table = pd.DataFrame({**keys, "rank": range(1, 21), "eigenvalue": [1.0 / r for r in range(1, 21)]})
        >>> decay_fits(table)[["fitted", "power", "power_r2"]].round(6)
          fitted  power  power_r2
        0   1:10    1.0       1.0
    """
    found = effective_ranks(spectra)
    keys = [key for key in found.columns if key != "effective_rank"]
    rows = []
    for _, part in spectra.groupby(keys, sort=False):
        values = torch.tensor(part["eigenvalue"].to_numpy(float))
        positive = int((values > 1e-9 * values[0]).sum())
        first, last = ranks or (1, max(FEWEST, positive // 2))
        last = min(last, positive)
        row = {"first": values[0].item(), "fitted": f"{first}:{last}"}
        if last - first + 1 < FEWEST:
            rows.append(row | dict.fromkeys(FITTED, math.nan))
            continue
        power, exponential = fit_power_law(values, (first, last)), fit_exponential(values, (first, last))
        numbers = (power.rate, power.rate_error, power.r2, exponential.rate, exponential.r2, power.evidence)
        rows.append(row | dict(zip(FITTED, numbers, strict=True)))
    return pd.concat([found, pd.DataFrame(rows)], axis=1)


def moment_eigenvalues(moment: Inexact[Tensor, "d d"]) -> Float[Tensor, " d"]:
    """Return the eigenvalues of a second moment by decreasing size, what rounding leaves below zero as zero."""
    return torch.linalg.eigvalsh(moment).flip(0).clamp(min=0.0)


def row_eigenvalues(rows: Inexact[Tensor, "n D"]) -> Float[Tensor, " k"]:
    r"""Return the eigenvalues of :math:`W^H W / n` by decreasing size, without the zeros of `D > n` dimensions."""
    return torch.linalg.svdvals(rows).square() / len(rows)


def initial_rows(module: nn.Module, layer: AlignedLayer) -> Inexact[Tensor, "n D"]:
    """Return the rows of a layer of a network that is not aligned.

    Raises:
        ArchitectureError: If it does not have the layer's parameter.
    """
    parameters = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    if layer.reader.parameter not in parameters:
        raise ArchitectureError(f"initial: no parameter {layer.reader.parameter!r} in this {type(module).__name__}")
    return weight_rows(parameters[layer.reader.parameter], layer.reader, layer.group)


def _table(values: Tensor, dimension: int, **keys: Any) -> pd.DataFrame:
    mean = values.sum() / dimension
    return pd.DataFrame(
        {
            **keys,
            "dimension": dimension,
            "rank": range(1, len(values) + 1),
            "eigenvalue": values.numpy(),
            "over_first": (values / values[0]).numpy(),
            "times_dimension": (values * dimension).numpy(),
            "over_mean": (values / mean).numpy(),
        }
    )
