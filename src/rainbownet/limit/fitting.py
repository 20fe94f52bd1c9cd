"""What building a limit does on the way of a walk: choose landmarks, gather moments, map features, measure norms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx

from rainbownet.aligned import Alignment
from rainbownet.aligned.chosen import Choice
from rainbownet.aligned.pairs import PairMoments, halves
from rainbownet.errors import AlignmentError
from rainbownet.graph import Network
from rainbownet.limit.landmarks import choose_landmarks
from rainbownet.limit.layers import LimitFeatures, LimitLayer, LimitMap, rows_of_channels
from rainbownet.limit.nystrom import NystromFeatures
from rainbownet.moments import ChannelMoment
from rainbownet.walk import Chunk, Visitor


@dataclass
class Reservoir:
    """A uniform sample of at most `size` of the rows that pass by, whatever their number."""

    size: int
    generator: torch.Generator
    rows: Tensor | None = None
    keys: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))

    def add(self, rows: Tensor) -> None:
        """Show rows; each kept row is as likely to be any of those shown so far."""
        keys = torch.cat([self.keys, torch.rand(len(rows), dtype=torch.float64, generator=self.generator)])
        rows = rows if self.rows is None else torch.cat([self.rows, rows])
        kept = keys.topk(min(self.size, len(keys))).indices.sort()[0]
        self.keys, self.rows = keys[kept], rows[kept.to(rows.device)]


@dataclass
class LayerFit:
    """The state of one layer of infinite width while it is built."""

    name: str
    features: LimitFeatures
    map: LimitMap
    candidates: Reservoir
    method: str
    pair: PairMoments = field(init=False)
    choice: Choice = field(init=False)
    energy: float = 0.0
    rows: int = 0

    def __post_init__(self) -> None:
        self.pair = PairMoments(self.name)

    def see(self, z: Tensor, fitted: int) -> None:
        """Take candidates for landmarks from the white coordinates of a chunk; measure the energy to be explained."""
        self.candidates.add(rows_of_channels(z[:fitted], self.features.dim))
        rest = z[fitted:]
        if len(rest):
            rows = rows_of_channels(rest, self.features.dim)
            self.energy += float(self.features.kernel.diagonal(rows).sum())
            self.rows += len(rows)

    def choose(self) -> None:
        """Choose landmarks and fit the features to them."""
        rows = self.candidates.rows
        if rows is None or not torch.isfinite(rows).all():
            raise AlignmentError(f"layer {self.name!r}: pre-activations are not finite (NaN or Inf)")
        kernel, generator = self.features.kernel, self.candidates.generator
        count = min(self.features.landmarks, len(rows))
        chosen = choose_landmarks(kernel, rows, count, method=self.method, generator=generator)
        if not len(chosen):
            raise AlignmentError(f"layer {self.name!r}: pre-activations are zero on all {len(rows)} rows")
        self.features.fitted = NystromFeatures.fit(kernel, rows[chosen.to(rows.device)], triangular=True)

    def compare(self, reference: Tensor, features: Tensor, fitted: int) -> None:
        """Accumulate the moments of reference channels and features."""
        dim = self.features.dim
        for held, part in halves(fitted, len(reference)):
            left, right = (rows_of_channels(value[part], dim)[None] for value in (reference, features))
            self.pair.add(left, right, held=held)

    def solve(self, alignment: Alignment) -> None:
        """Compute the map from features to reference channels."""
        (self.choice,) = self.pair.choose(alignment)
        self.map.map = self.choice.map

    def layer(self, activation: fx.GraphModule, mean: bool) -> LimitLayer:
        """Return features and map as one layer."""
        found, map_ = self._solved()
        weight = self.features.neurons**0.5 * found.root @ map_.to(found.root).T
        return LimitLayer(activation, self.features.dim, mean, found.landmarks, weight)

    def quality(self) -> dict[str, Any]:
        """Return what is known of the layer, on held-out images where there are any."""
        features, map_ = self._solved()
        (fitted,), held = self.pair.quality(map_[None])
        found = fitted if held is None else held[0]
        landmarks = features.landmarks
        share = float("nan") if held is None else found.energy / self.features.neurons / (self.energy / self.rows)
        return {
            "layer": self.name,
            "channels": self.features.neurons,
            "coordinates": landmarks.shape[1],
            "landmarks": len(landmarks),
            "features": features.rank,
            "rows": fitted.rows,
            "ridge": self.choice.ridge,
            "toward": self.choice.toward,
            "held_out": held is not None,
            "energy_explained": share,
            "error": found.error,
            "cosine": found.cosine,
        }

    def _solved(self) -> tuple[NystromFeatures, Tensor]:
        assert self.features.fitted is not None
        assert self.map.map is not None
        return self.features.fitted, self.map.map


class LimitVisitor(Visitor):
    """The visitor that builds layers of infinite width; the reference is walked first, the limit second.

    Args:
        reference: The reference, its non-linearities in two parts, the second doing nothing.
        limit: The limit network, its layers in two parts.
        layers: The layers, by the name of their module.
        alignment: How features are mapped onto the reference's channels.
        norms: Names of the norms that are measured again.
    """

    keeps = False

    def __init__(
        self,
        reference: Network,
        limit: Network,
        layers: Mapping[str, LayerFit],
        alignment: Alignment,
        norms: Sequence[str],
    ) -> None:
        self.limit, self.alignment = limit, alignment
        self.fits = layers
        self._features: dict[fx.Node, LayerFit] = {}
        self._maps: dict[fx.Node, LayerFit] = {}
        self._sources: dict[fx.Node, list[LayerFit]] = {}
        self._norms: dict[fx.Node, fx.Node] = {}
        self._moments: dict[fx.Node, ChannelMoment] = {}
        for node in reference.traced.graph.nodes:
            owner, _, part = str(node.target).rpartition(".")
            if node.op == "call_module" and owner in layers:
                if part == "features":
                    self._features[node] = layers[owner]
                    self._sources.setdefault(node.all_input_nodes[0], []).append(layers[owner])
                else:
                    self._maps[node] = layers[owner]
            elif node.op == "call_module" and node.target in norms:
                self._norms[node] = node.all_input_nodes[0]

    def needs(self, node: fx.Node) -> list[fx.Node]:
        """Features need the candidates for landmarks, maps the moments of features, norms what they normalise."""
        waits = node in self._features or node in self._maps or node in self._norms
        return [node.all_input_nodes[0]] if waits else []

    def ready(self, node: fx.Node) -> None:
        """Fit features, a map, or a norm."""
        if node in self._features:
            self._features[node].choose()
        if node in self._maps:
            self._maps[node].solve(self.alignment)
        if node in self._norms:
            module: Any = self.limit.modules[str(node.target)]
            moment = self._moments[self._norms[node]]
            module.running_mean.copy_(moment.mean)
            module.running_var.copy_(moment.variance)

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Accumulate what later nodes need."""
        for layer in self._sources.get(node, ()):
            layer.see(values[1], chunk.fitted)
        if node in self._features:
            self._features[node].compare(values[0], values[1], chunk.fitted)
        if node in self._norms.values():
            rows = rows_of_channels(values[1][: chunk.fitted], 1)
            if node not in self._moments:
                self._moments[node] = ChannelMoment(rows.shape[1], device=rows.device)
            self._moments[node].update(rows)

    def table(self) -> pd.DataFrame:
        """Return a row per layer, in order of execution."""
        return pd.DataFrame([layer.quality() for layer in self._features.values()])
