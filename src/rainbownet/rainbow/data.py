"""What is fitted: a reference network and the law of each of its populations of neurons, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.graph import Network
from rainbownet.laws import Block, FittedLaw, White
from rainbownet.rainbow.neurons import gather, parameters_of, scatter
from rainbownet.rainbow.presets import Preset
from rainbownet.spectra.measures import effective_rank

T = TypeVar("T", bound="RainbowData")

Rows = Mapping[str, tuple[Tensor, Sequence[Block]]]
"""By population, rows of neurons and the blocks their columns are made of."""

KEPT = 1e-6
"""Change of a population's neurons, relative to their norm, below which a law keeps them: files hold float32."""


@dataclass(frozen=True, repr=False)
class RainbowData:
    """Laws of neurons around a reference network; what can be done with them is `rainbownet.Rainbow`.

    Its attributes are described there.
    """

    network: Network
    laws: dict[str, FittedLaw]
    preset: Preset
    networks: int = 1
    provenance: dict[str, Any] = field(default_factory=dict)
    alignment: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)

    @property
    def reference(self) -> nn.Module:
        """The reference network as a module, batch norms folded where the preset folds them."""
        return self.network.root

    def rows(self) -> Rows:
        """Return the neurons of the reference by population, and the blocks their columns are made of."""
        return rows_of(self.network, self.network.parameters, self.preset)

    def white(self: T) -> T:
        """Return the white control: the trained energies, the same alignment, covariances the identity (theory, 6)."""
        laws: dict[str, FittedLaw] = {name: White().fit(rows, blocks) for name, (rows, blocks) in self.rows().items()}
        return replace(self, laws=laws, preset=self.preset.but(law=White()))

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the spectrum of the covariance of each law.

        Args:
            ax: Matplotlib axes to draw on; new ones by default.

        Returns:
            The axes.

        Raises:
            MissingExtra: If matplotlib is not installed.
        """
        from rainbownet.plotting.results import plot_laws

        return plot_laws(law_spectra(self.laws), ax=ax)

    def _repr_html_(self) -> str:
        from rainbownet.plotting.html import small_table

        rows = []
        for name, law in self.laws.items():
            spectrum = law.spectrum()
            effective = effective_rank(spectrum) if spectrum.any() else None
            size = {"neurons": len(law.neurons()), "numbers": len(law.mean)}
            rows.append({"population": name, **size, "rank": law.rank, "effective rank": effective})
        return small_table(
            repr(self), pd.DataFrame(rows), note=f"{100 * self.network.share_drawn:.1f} % of the parameters are drawn"
        )

    def __repr__(self) -> str:
        sizes = [len(law.neurons()) for law in self.laws.values()]
        parts = ((len(sizes), "population"), (sum(sizes), "neuron"), (self.networks, "network"))
        counts = ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in parts)
        return f"{type(self).__name__}({type(self.network.root).__name__}: {counts}, {self.preset.law.to_text()})"


@dataclass(frozen=True)
class Neurons:
    """The neurons of a network in the channels of a reference.

    Attributes:
        rows: By population, rows and the blocks their columns are made of.
        kept: The parameters that are not drawn, by name.
    """

    rows: Rows
    kept: dict[str, Tensor]


def realise(network: Network, rows: Rows, preset: Preset, kept: dict[str, Tensor] | None = None) -> None:
    """Write neurons into the network they belong to, in place.

    Args:
        network: The network; norms that are folded are set so that they add the drawn offset and do nothing else.
        rows: Neurons by population.
        preset: Says whether norms are folded.
        kept: Values of the parameters that are not drawn; the network's own by default.
    """
    parameters = parameters_of(network, fold=preset.norms == "folded")
    targets = network.parameters
    with torch.no_grad():
        for name, value in (kept or {}).items():
            targets[name].copy_(value)
        for name, value in parameters.fixed.items():
            targets[name].fill_(value)
        for population in network.populations:
            if population.name in rows:
                scatter(population, *rows[population.name], targets)


def rows_of_laws(laws: Mapping[str, FittedLaw]) -> Rows:
    """Return the reference's neurons by population as laws keep them."""
    return {name: (law.neurons(), law.blocks) for name, law in laws.items()}


def changed(rows: Rows, laws: Mapping[str, FittedLaw]) -> list[str]:
    """Return the populations whose neurons a law does not keep, up to the rounding of a file."""
    return [name for name, (own, _) in rows.items() if (laws[name].neurons().to(own) - own).norm() > KEPT * own.norm()]


def kept_parameters(network: Network) -> list[str]:
    """Return the names of parameters and buffers that no law describes."""
    drawn = {
        name
        for population in network.populations
        if not population.frozen
        for name in population.slots
        if not network.is_statistic(name)
    }
    partly = {name for population in network.populations if population.frozen for name in population.slots}
    return [name for name in network.parameters if name not in drawn or name in partly]


def rows_of(network: Network, values: dict[str, Tensor], preset: Preset) -> dict[str, tuple[Tensor, Sequence[Block]]]:
    """Return the rows and blocks of every drawn population, from parameters by name."""
    parameters = parameters_of(network, fold=preset.norms == "folded")
    result = {}
    for population in network.populations:
        if not population.frozen and (names := parameters.drawn(network, population)):
            result[population.name] = gather(population, values, names)
    return result


def law_spectra(laws: Mapping[str, FittedLaw]) -> pd.DataFrame:
    """List the eigenvalues of the covariances that neurons are drawn with.

    Args:
        laws: Fitted laws by population.

    Returns:
        A row per population and direction: `population`, `rank` from 1, `eigenvalue`, and `over_mean`, the eigenvalue
        in units of the mean over all numbers of a neuron; 1 everywhere for a white law.

    Example:
        >>> import rainbownet as rn
        >>> net = nn.Sequential(nn.Linear(4, 32, bias=False), nn.ReLU(), nn.Linear(32, 3))
        >>> law_spectra(rn.fit(net, [torch.randn(8, 4)], law=rn.White()).laws)[["population", "rank", "over_mean"]]
          population  rank  over_mean
        0          0     1        1.0
        1          0     2        1.0
        2          0     3        1.0
        3          0     4        1.0
    """
    rows, columns = [], ["population", "rank", "eigenvalue", "over_mean"]
    for name, law in laws.items():
        values = law.spectrum().cpu()
        over = values * (len(law.mean) / values.sum()) if values.any() else values
        table = {"rank": range(1, len(values) + 1), "eigenvalue": values.numpy(), "over_mean": over.numpy()}
        rows.append(pd.DataFrame({"population": name, **table}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
