"""Weight layers, one by one: spectra, bulk and Gaussianity of their rows."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from scipy.stats import false_discovery_control
from torch import Tensor

from rainbownet.analysis.bulk import Bulk, marchenko_pastur
from rainbownet.analysis.gaussianity import gaussianity, qq_table
from rainbownet.analysis.layer import weight_rows
from rainbownet.analysis.one_basis import Aligned
from rainbownet.analysis.spectra import moment_eigenvalues
from rainbownet.graph import Network
from rainbownet.laws.factor import thin_factor
from rainbownet.report.result import Report
from rainbownet.spectra.decay import FEWEST, SpectrumFit, fit_exponential, fit_power_law
from rainbownet.spectra.measures import effective_rank

FEWEST_ROWS = 8
"""Rows a layer needs to be looked at as a sample of a law."""

POINTS = 160
"""Points a curve of a spectrum is drawn with, at most."""

LEVEL = 0.05
"""Share of the directions called not normal that may be so by chance."""

AMPLE = 2
"""Rows of all networks per direction, and per row of one, from which on their covariance can whiten that one."""


@dataclass(frozen=True)
class LayerRows:
    """A layer's weights, and the second moment of what it reads where images were given.

    Attributes:
        name: Of the layer.
        channels: Channels it reads.
        rows: Real rows of each network, in one basis.
        moment: Second moment of the first network's activations.
    """

    name: str
    channels: int
    rows: Sequence[Float[Tensor, "_n _D"]]
    moment: Inexact[Tensor, "_d _d"] | None = None


def rows_of_network(network: Network) -> Iterator[LayerRows]:
    """Yield the layers of one network, which needs no images."""
    for reader in network.readers:
        weight = network.parameters[reader.parameter]
        for group in range(reader.groups):
            name = reader.layer if reader.groups == 1 else f"{reader.layer}[{group}]"
            yield LayerRows(name, reader.channels // reader.groups, [_real(weight_rows(weight, reader, group))])


def rows_of_aligned(aligned: Aligned) -> Iterator[LayerRows]:
    """Yield the layers of aligned networks."""
    for layer in aligned:
        yield LayerRows(layer.name, layer.channels, [_real(rows) for rows in layer.rows], layer.moment)


def add_layer(report: Report, layer: LayerRows, *, seed: int) -> None:
    """Analyse a layer and add its numbers to a report.

    Args:
        report: Extended in place.
        layer: The layer.
        seed: Seed of the tests.
    """
    first, rows = layer.rows[0], torch.cat(list(layer.rows))
    table: dict[str, Any] = {
        "layer": layer.name,
        "channels": layer.channels,
        "rows": len(rows),
        "dimensions": rows.shape[1],
    }
    if layer.moment is not None:
        report.activation_spectra = extended(report.activation_spectra, _activations(layer, table))
    if len(first) >= FEWEST_ROWS and rows.shape[1] > 1 and rows.any() and first.any():
        _add_weights(report, layer, rows, table, seed)
    report.layers = extended(report.layers, pd.DataFrame([table]))


def _add_weights(report: Report, layer: LayerRows, rows: Tensor, table: dict[str, Any], seed: int) -> None:
    _, factor = thin_factor(rows)
    eigenvalues = factor.square().sum(1)
    table["effective_rank"] = effective_rank(eigenvalues)
    fit = _fitted(fit_exponential, eigenvalues, (1, min(50, len(eigenvalues))))
    table |= {"decay": math.nan, "decay_error": math.nan} if fit is None else _rate("decay", fit)
    spectrum = _thinned(eigenvalues / (eigenvalues.sum() / rows.shape[1]), "over_mean")
    report.weight_spectra = extended(report.weight_spectra, spectrum.assign(layer=layer.name))
    bulk = marchenko_pastur(layer.rows[0])
    table |= {key: bulk.as_row()[key] for key in ("outside", "spikes", "largest", "upper_edge")}
    if len(rows) >= AMPLE * max(len(factor), len(layer.rows[0])):
        table["outside_whitened"] = marchenko_pastur(layer.rows[0], factor).outside
    report.bulk = extended(report.bulk, _histogram(bulk).assign(layer=layer.name))
    tested = gaussianity(rows, factor, seed=seed)
    report.gaussianity = extended(report.gaussianity, tested.assign(layer=layer.name))
    report.quantiles = extended(report.quantiles, qq_table(rows, factor, [1], points=49).assign(layer=layer.name))


def count_rejections(report: Report) -> None:
    """Add to each layer how many directions were tested, and how many are not normal (Benjamini & Hochberg, 1995)."""
    if not len(report.gaussianity):
        return
    # Both tests of a direction: twice the smaller p.
    smaller = report.gaussianity[["p_corrected", "p_kurtosis"]].min(axis=1)
    adjusted = false_discovery_control((2 * smaller).clip(upper=1.0))
    report.gaussianity["normal"] = adjusted > LEVEL
    tested = Counter(report.gaussianity["layer"])
    rejected = Counter(report.gaussianity["layer"][adjusted <= LEVEL])
    report.layers["directions"] = [tested[name] for name in report.layers["layer"]]
    report.layers["rejected"] = [rejected[name] for name in report.layers["layer"]]


def _activations(layer: LayerRows, table: dict[str, Any]) -> pd.DataFrame:
    assert layer.moment is not None
    eigenvalues = moment_eigenvalues(layer.moment)
    table["activation_rank"] = effective_rank(eigenvalues)
    # The first direction is mostly the mean, and finite images cut the last ones off.
    fit = _fitted(fit_power_law, eigenvalues, (2, len(eigenvalues) // 2))
    name = "activation_exponent"
    table |= {name: math.nan, f"{name}_error": math.nan} if fit is None else _rate(name, fit)
    return _thinned(eigenvalues / eigenvalues[0], "over_first").assign(layer=layer.name)


def _fitted(fit: Any, eigenvalues: Tensor, ranks: tuple[int, int]) -> SpectrumFit | None:
    positive = int((eigenvalues > 1e-12 * eigenvalues[0]).sum())
    first, last = ranks[0], min(ranks[1], positive)
    return fit(eigenvalues, (first, last)) if last - first + 1 >= FEWEST else None


def _rate(name: str, fit: SpectrumFit) -> dict[str, float]:
    return {name: fit.rate, f"{name}_error": fit.rate_error}


def _thinned(values: Tensor, name: str) -> pd.DataFrame:
    """Return positive eigenvalues at ranks evenly spread in logarithm."""
    count = int((values > 1e-9 * values[0]).sum())
    steps = torch.linspace(0, math.log(count), min(POINTS, count), dtype=torch.float64)
    ranks = steps.exp().round().long().clamp(1, count).unique()
    return pd.DataFrame({"rank": ranks.numpy(), name: values[ranks - 1].cpu().numpy()})


def _histogram(bulk: Bulk) -> pd.DataFrame:
    """Return what `Report.bulk` holds of a layer: bins up to the threshold of outliers, a white curve, the outliers."""
    values = bulk.eigenvalues.cpu()
    inside = values[values <= bulk.threshold]
    count = min(40, max(8, round(2 * math.sqrt(len(values)))))
    edges = torch.linspace(0, bulk.threshold, count + 1, dtype=torch.float64)
    densities = torch.histogram(inside, bins=edges).hist / (len(values) * edges[1])
    grid = torch.linspace(*bulk.edges, 80, dtype=torch.float64)
    spikes = values[values > bulk.threshold].tolist()
    parts = {
        "bin": (((edges[1:] + edges[:-1]) / 2).tolist(), densities.tolist()),
        "white": (grid.tolist(), bulk.density(grid).tolist()),
        "outlier": (spikes, [0.0] * len(spikes)),
    }
    rows = [
        {"kind": kind, "value": value, "density": density}
        for kind, (points, heights) in parts.items()
        for value, density in zip(points, heights, strict=True)
    ]
    return pd.DataFrame(rows)


def extended(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the rows of another below."""
    return pd.concat([table, more], ignore_index=True) if len(table) else more


def _real(rows: Inexact[Tensor, "n D"]) -> Float[Tensor, "n _D"]:
    return torch.view_as_real(rows.resolve_conj()).flatten(1) if rows.is_complex() else rows
