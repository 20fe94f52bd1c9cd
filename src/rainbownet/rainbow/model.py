"""The rainbow itself: a reference network and the law of each of its populations of neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.graph import Network
from rainbownet.graph.network import Width
from rainbownet.laws import Block, FittedLaw, White
from rainbownet.rainbow.neurons import gather, parameters_of, scatter
from rainbownet.rainbow.presets import Preset

if TYPE_CHECKING:
    from rainbownet.limit import LimitNetwork
    from rainbownet.rainbow.sample import Sample


@dataclass(frozen=True)
class Rainbow:
    """Laws of neurons around a reference network, from which new networks are sampled.

    Made by `rainbownet.fit` or `rainbownet.load`.

    Attributes:
        network: The reference, its neurons as the laws keep them (exactly the trained ones unless a rank was cut).
        laws: The fitted law of each population that is drawn, by the population's name.
        preset: How it was fitted, and the defaults of sampling.
        networks: Number of trained networks it was fitted on.
        provenance: What is known of the data: shape, fingerprint, number of images.
        alignment: Where several networks were fitted, how well they match: a row per layer and network, `layer`,
            `network`, `channels`, `rows`, `similarity`, `error` on the images fitted, `held_rows`, `held_similarity`,
            `held_error` on the others. Empty for one network, and not kept in files.
    """

    network: Network
    laws: dict[str, FittedLaw]
    preset: Preset
    networks: int = 1
    provenance: dict[str, Any] = field(default_factory=dict)
    alignment: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)

    @property
    def reference(self) -> nn.Module:
        """The reference network as a module, batch norms folded where the preset folds them."""
        return self.network.root

    def sample(self, loader: Any, *, width: Width = 1.0, seed: int = 0, **options: Any) -> nn.Module:
        """Draw a new network, of any width, without training.

        Args:
            loader: Yields inputs or (inputs, targets) to align on.
            width: A factor on the number of neurons, or one per module prefix.
            seed: Two samples of one seed are equal bit by bit.
            options: Those of `draw`.

        Returns:
            A new module with the structure and the names of the trained one, in evaluation mode.

        Raises:
            RainbowError: As `draw`.
        """
        return self.draw(loader, width=width, seed=seed, **options).network

    def product_widths(self, streams: float | int = 4.0, *, most: float | int = 32.0) -> dict[str, float]:
        """Return factors for `width=` of a residual network; see `rainbownet.rainbow.widths.product_widths`."""
        from rainbownet.rainbow.widths import product_widths

        return product_widths(self.network, streams, most=most)

    def draw(self, loader: Any, *, width: Width = 1.0, seed: int = 0, **options: Any) -> Sample:
        """Draw a new network and report how well it could be aligned; see `rainbownet.rainbow.sample.draw`."""
        from rainbownet.rainbow.sample import draw

        return draw(self, loader, width=width, seed=seed, **options)

    def limit(self, loader: Any, *, landmarks: int = 1024, **options: Any) -> LimitNetwork:
        """Compute the deterministic network that samples tend to as their width grows (theory, 8).

        Args:
            loader: Yields inputs or (inputs, targets) to align on.
            landmarks: Landmarks of each layer, at most.
            options: Those of `rainbownet.limit.build_limit`.

        Returns:
            A module in evaluation mode, which saves itself and knows the kernels of its layers.

        Raises:
            RainbowError: As `rainbownet.limit.build_limit`.
        """
        from rainbownet.limit import build_limit

        return build_limit(self, loader, landmarks=landmarks, **options)

    def white(self) -> Rainbow:
        """Return the white control: the same energies and alignment, covariances the identity (theory, 6)."""
        laws: dict[str, FittedLaw] = {name: White().fit(law.neurons(), law.blocks) for name, law in self.laws.items()}
        return Rainbow(self.network, laws, self.preset.but(law=White()), self.networks, self.provenance, self.alignment)

    def save(self, path: str | PathLike[str], *, architecture: str | None = None, kwargs: Any = None) -> int:
        """Write the rainbow to one safetensors file, whole or not at all; see `rainbownet.rainbow.file.save`."""
        from rainbownet.rainbow.file import save

        return save(self, path, architecture=architecture, kwargs=kwargs)


@dataclass(frozen=True)
class Neurons:
    """The neurons of a network in the channels of a reference.

    Attributes:
        rows: By population, rows and the blocks their columns are made of.
        kept: The parameters that are not drawn, by name.
    """

    rows: dict[str, tuple[Tensor, Sequence[Block]]]
    kept: dict[str, Tensor]


def realise(
    network: Network, laws: dict[str, FittedLaw], preset: Preset, kept: dict[str, Tensor] | None = None
) -> None:
    """Write the neurons that laws keep into the network they were fitted on, in place.

    Args:
        network: The network; norms that are folded are set so that they add the drawn offset and do nothing else.
        laws: Laws by population.
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
            if population.name in laws:
                law = laws[population.name]
                scatter(population, law.neurons(), law.blocks, targets)


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


def rows_of(network: Network, values: dict[str, Tensor], preset: Preset) -> dict[str, tuple[Tensor, Sequence[Any]]]:
    """Return the rows and blocks of every drawn population, from parameters by name."""
    parameters = parameters_of(network, fold=preset.norms == "folded")
    result = {}
    for population in network.populations:
        if not population.frozen and (names := parameters.drawn(network, population)):
            result[population.name] = gather(population, values, names)
    return result
