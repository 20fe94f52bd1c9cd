"""Analyses that look at rows of weights: Gaussianity, bulk of the spectrum, training dynamics."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rainbownet.cli import parse
from rainbownet.cli.analyze import Analysis, OnImages, Shown
from rainbownet.cli.verb import Natural, Seed
from rainbownet.errors import RainbowError, RainbowWarning

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from rainbownet.analysis import Aligned, AlignedLayer

FEW = 256
"""Images that a single network reads where only its weights are wanted."""

RANKS = (1, 2, 3, 10, 30, 100, 300, 1000)
"""Ranks that are printed; the file of results has all."""


@dataclass(frozen=True, kw_only=True)
class OnRows(OnImages):
    """An analysis of rows of weights: images matter only where several networks are aligned."""

    def aligning(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Let a single network read a few images."""
        return {"images": FEW} if self.images is None and len(nets) == 1 and self.source.limit is None else {}


@dataclass(frozen=True, kw_only=True)
class Gaussianity(OnRows):
    """Are weights Gaussian? Tests of whitened rows, direction by direction.

    Rows of several networks are put together after alignment.

    Attributes:
        directions: Ranks from 1, 2,11,101; twelve of them by default.
        centred: Take out the mean of the rows.
        dependence: Test whether neurons depend on each other, too.
    """

    verb: ClassVar[str] = "analyze gaussianity"
    shown: ClassVar = (
        Shown(
            lambda found: found["gaussianity"],
            "Whitened weights against N(0, 1)",
            caption="p: Kolmogorov–Smirnov, as published; p corrected: with the variance estimated",
            keys=2,
        ),
        Shown(lambda found: found.get("dependence", ()), "Do neurons depend on each other? Against shuffles", keys=2),
    )
    picture: ClassVar = ("draw_quantiles", lambda found: (found["quantiles"],))

    directions: str | None = None
    centred: bool = False
    dependence: bool = False
    seed: Seed = 0

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return tests of each layer whose rows can be tested."""
        import pandas as pd

        from rainbownet import analysis

        chosen = parse.whole_numbers("--directions", self.directions) if self.directions else None
        tables: dict[str, list[pd.DataFrame]] = {"gaussianity": [], "quantiles": [], "dependence": []}
        for layer in aligned:
            rows = real_columns(layer)
            try:
                found = {
                    "gaussianity": analysis.gaussianity(rows, directions=chosen, centred=self.centred, seed=self.seed),
                    "quantiles": analysis.qq_table(rows, directions=chosen, centred=self.centred),
                }
            except RainbowError as error:
                warnings.warn(f"layer {layer.name!r} is left out: {error}", RainbowWarning, stacklevel=1)
                continue
            if self.dependence:
                found |= _dependence(layer, rows, self.seed)
            for name, table in found.items():
                tables[name].append(named(table, layer.name))
        if not tables["gaussianity"]:
            raise RainbowError("no layer could be tested")
        joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}
        return {"networks": len(nets), **joined}


@dataclass(frozen=True, kw_only=True)
class Bulk(OnRows):
    """The spectrum of weights against the Marchenko–Pastur law.

    With several networks also that of one of them whitened by the covariance of all, after alignment, in layers of
    which all together have more rows than columns.

    Attributes:
        variance: Of the bulk: mean, as published; bulk, robust; or a number.
        index: Number of the network that is looked at.
    """

    verb: ClassVar[str] = "analyze bulk"
    shown: ClassVar = (
        Shown(
            lambda found: found["bulks"],
            "Weights of network {index} against Marchenko–Pastur",
            percent=("inside", "outside"),
            caption="inside: between the edges; spikes: larger than white rows of this size have with probability 99 %",
        ),
    )
    picture: ClassVar = ("draw_bulks", lambda found: (found["_found"],))

    variance: str = "mean"
    index: Natural = 0

    def aligning(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Check which network is looked at."""
        if self.index >= len(nets):
            raise RainbowError(f"--index is {self.index}; the networks are numbered from 0 to {len(nets) - 1}")
        return super().aligning(nets)

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return how each spectrum lies to the law, and its eigenvalues."""
        import pandas as pd

        from rainbownet.analysis import marchenko_pastur
        from rainbownet.laws.factor import thin_factor

        unit: Any = self.variance
        if unit not in ("mean", "bulk"):
            unit = parse.positive_numbers("--variance", self.variance)[0]
        found = {}
        for layer in aligned:
            own, pooled = real_columns(layer, [self.index]), real_columns(layer)
            found[layer.name] = [marchenko_pastur(own, variance=unit)]
            if len(nets) > 1 and len(pooled) > pooled.shape[1]:
                found[layer.name].append(marchenko_pastur(own, thin_factor(pooled)[1], variance=unit))
            elif len(nets) > 1:
                warnings.warn(
                    f"layer {layer.name!r} is not whitened: {len(pooled)} rows of {pooled.shape[1]} columns make every "
                    "whitened eigenvalue the same; give more networks",
                    RainbowWarning,
                    stacklevel=1,
                )
        table = pd.DataFrame([{"layer": name} | bulk.as_row() for name, bulks in found.items() for bulk in bulks])
        eigenvalues = {name: [bulk.eigenvalues.tolist() for bulk in bulks] for name, bulks in found.items()}
        return {"bulks": table, "eigenvalues": eigenvalues, "_found": found}


@dataclass(frozen=True, kw_only=True)
class Dynamics(Analysis):
    """How weights grew and turned in training, along the principal axes they end with.

    Give --weights once for each checkpoint of one network, in order; the first is before training.

    Attributes:
        epochs: Epoch of each file, 0,1,5,20; 0, 1, 2, … by default.
    """

    verb: ClassVar[str] = "analyze dynamics"
    least: ClassVar[int] = 2
    shown: ClassVar = (
        Shown(
            lambda found: found["_last"],
            "Amplification and cosine along the final principal axes, first to last",
            percent=("share",),
            caption="cosine 1: amplified only; 0: drawn anew. Published: amplifications up to 6, cosines of 0.7 to 0.9",
            keys=2,
        ),
    )
    picture: ClassVar = ("draw_dynamics", lambda found: (found["dynamics"],))

    epochs: str | None = None

    def compute(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Return amplifications and cosines of every layer and epoch."""
        import pandas as pd

        from rainbownet.analysis import training_dynamics

        times = parse.numbers("--epochs", self.epochs) if self.epochs else None
        names = self.layers or [name for name, value in nets[0].named_parameters() if value.ndim > 1]
        tables = [named(training_dynamics(nets, name, epochs=times), name) for name in names]
        table = pd.concat(tables, ignore_index=True)
        last = table.loc[(table["epoch"] == table["epoch"].iloc[-1]) & table["rank"].isin(RANKS)]
        return {"dynamics": table, "_last": last}


def real_columns(layer: "AlignedLayer", networks: Sequence[int] | None = None) -> "Tensor":
    """Return rows of some networks; real and imaginary parts of complex weights are separate columns."""
    import torch

    rows = layer.stacked(networks)
    return torch.view_as_real(rows.resolve_conj()).flatten(1) if rows.is_complex() else rows


def named(table: "pd.DataFrame", layer: str) -> "pd.DataFrame":
    """Return a table whose first column names a layer."""
    result = table.copy()
    result.insert(0, "layer", layer)
    return result


def _dependence(layer: "AlignedLayer", rows: "Tensor", seed: int) -> "dict[str, pd.DataFrame]":
    import torch

    from rainbownet.analysis import neuron_dependence

    if len(rows) <= rows.shape[1]:
        warnings.warn(
            f"layer {layer.name!r}, dependence is left out: {len(rows)} rows of {rows.shape[1]} columns are "
            "orthogonal once whitened; give more networks",
            RainbowWarning,
            stacklevel=1,
        )
        return {}
    labels = torch.cat([torch.full((len(own),), k) for k, own in enumerate(layer.rows)])
    return {"dependence": neuron_dependence(rows, labels if len(layer.rows) > 1 else None, seed=seed)}
