"""What a comparison of all layers with all layers found: a tidy table, matrices, best matches, maps and heat maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from rainbownet.aligned.ridge import Ridge
from rainbownet.errors import RainbowError
from rainbownet.plotting.html import small_table
from rainbownet.similarities import measures
from rainbownet.similarities.sums import Pair


@dataclass(frozen=True)
class Similarity:
    """Similarities of every layer of one side with every layer of the other; made by `rainbownet.similarity`.

    Attributes:
        table: A row per pair of layers and measure: `layer_a`, `layer_b`, `measure`, `value`, `held_value` (on stimuli
            the measure was not fitted to), `rows`, `held_rows`, `positions` (how rows were made) and `ceiling` (the
            most that any model of the stimuli could reach, where responses are repeated).
        layers_a: Layers of the first side, in order.
        layers_b: Layers of the second.
        stimuli: Number of stimuli, those held out among them.
        centred: Whether means were subtracted.
        moments: By pair, the second moments on the stimuli that were fitted, where they were asked for.
    """

    table: pd.DataFrame
    layers_a: list[str]
    layers_b: list[str]
    stimuli: int
    centred: bool
    moments: dict[tuple[str, str], Pair] = field(default_factory=dict, repr=False)

    @property
    def measures(self) -> list[str]:
        """The measures in the table."""
        return list(dict.fromkeys(self.table["measure"]))

    def matrix(self, measure: str, *, held: bool = False) -> pd.DataFrame:
        """Return one measure as a matrix, layers of the first side × layers of the second.

        Args:
            measure: One of `measures`.
            held: The values on held-out stimuli instead.

        Raises:
            RainbowError: If the measure was not computed.
        """
        if measure not in self.measures:
            raise RainbowError(f"measure: {measure!r} was not computed; there are {self.measures}")
        chosen = self.table[self.table["measure"] == measure]
        wide = chosen.pivot_table(
            index="layer_a", columns="layer_b", values="held_value" if held else "value", dropna=False, sort=False
        )
        return wide.reindex(index=self.layers_a, columns=self.layers_b)

    def best(self, measure: str, *, held: bool = False) -> pd.DataFrame:
        """Return, for each layer of the first side, the most similar layer of the second.

        Returns:
            A row per layer: `layer_a`, `layer_b` and `value`.

        Raises:
            RainbowError: If the measure was not computed.
        """
        wide = self.matrix(measure, held=held).dropna(how="all")
        match = wide.idxmax(axis=1)
        return pd.DataFrame({"layer_a": wide.index, "layer_b": match.to_numpy(), "value": wide.max(axis=1).to_numpy()})

    def rotation(self, layer_a: str, layer_b: str) -> Float[Tensor, "d e"]:
        """Return the rotation from the channels of a layer of the second side to those of one of the first (R6).

        Of different widths it is a partial isometry, and its transpose is the best map the other way.

        Raises:
            RainbowError: If no moments were kept (`maps=True`) or there is no such pair.
        """
        return measures.rotation(self._moments(layer_a, layer_b).cross)

    def linear_map(self, layer_a: str, layer_b: str) -> Float[Tensor, "d e"]:
        """Return the ridge regression from a layer of the first side to one of the second, `y ≈ x @ B`.

        Raises:
            RainbowError: If no moments were kept (`maps=True`) or there is no such pair.
        """
        pair = self._moments(layer_a, layer_b)
        ridge = Ridge.of(pair.self_x, pair.count, centred=self.centred)
        rotated = ridge.vectors.mT @ pair.cross
        return ridge.vectors @ ridge.coefficients(rotated, ridge.choose(rotated, pair.energy_y)[0])

    def plot(self, measure: str | None = None, *, held: bool = False, ax: Any = None) -> Any:
        """Draw a heat map of one measure with the best match of each layer marked.

        Cells are measured alike only if `positions` has one value in the table: with `positions="auto"`, pairs of
        layers whose grids agree are compared place by place, others by means over places.

        Args:
            measure: Which; the first by default.
            held: The values on held-out stimuli instead.
            ax: Matplotlib axes to draw on; new ones by default.

        Returns:
            The axes.

        Raises:
            MissingExtra: If matplotlib is not installed.
        """
        from rainbownet.plotting.heatmap import heatmap

        chosen = measure or self.measures[0]
        return heatmap(self.matrix(chosen, held=held), title=chosen, ax=ax)

    def _moments(self, layer_a: str, layer_b: str) -> Pair:
        if not self.moments:
            raise RainbowError("maps: no moments were kept; compute with maps=True")
        if (layer_a, layer_b) not in self.moments:
            raise RainbowError(
                f"there is no pair of layers {layer_a!r}, {layer_b!r}; layers are {self.layers_a} and {self.layers_b}"
            )
        return self.moments[layer_a, layer_b]

    def __repr__(self) -> str:
        return (
            f"Similarity({len(self.layers_a)} × {len(self.layers_b)} layers, {', '.join(self.measures)}, "
            f"{self.stimuli} stimuli)"
        )

    def _repr_html_(self) -> str:
        measure = self.measures[0]
        return small_table(f"{self!r}: {measure}", self.matrix(measure), index=True, note="plot() draws all layers")
