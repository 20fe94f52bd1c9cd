"""What sampling does on the way of a walk: accumulate moments, rotate drafts into place, measure norms."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx

from rainbownet.aligned import Alignment, alignment_quality
from rainbownet.aligned.basis import Flatten, channel_rows, map_size, read_through
from rainbownet.errors import RainbowWarning
from rainbownet.graph import Network, Reader
from rainbownet.graph.channels import Norm
from rainbownet.moments import ChannelMoment, CrossMoment
from rainbownet.rainbow.classifier import Features
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.presets import Preset
from rainbownet.walk import Chunk, Visitor


@dataclass
class Pair:
    """An activation of both networks that readers share, and its moments on fitted and held-out images.

    Moments live until the maps are solved. Where every reader is real, the real and imaginary parts of complex
    activations are rows of their own: maps are real then, at half the cost.
    """

    reference: Reader
    new: Reader
    flatten: Flatten
    real: bool
    fitted: list[CrossMoment] = field(default_factory=list)
    held: list[CrossMoment] = field(default_factory=list)
    maps: Tensor | None = None
    row: dict[str, Any] | None = None

    def observe(self, left: Tensor, right: Tensor, fitted: int, *, keep: bool) -> None:
        """Add a chunk; its first `fitted` images are for fitting."""
        if not self.fitted:
            sizes = map_size(self.reference, self.flatten), map_size(self.new, self.flatten)
            complex_ = (left.is_complex() or right.is_complex()) and not self.real
            dtype = torch.complex128 if complex_ else torch.float64
            options: dict[str, Any] = {"dtype": dtype, "device": right.device}
            groups = range(self.reference.groups)
            self.fitted = [CrossMoment(*sizes, right_self=keep, **options) for _ in groups]
            self.held = [CrossMoment(*sizes, **options) for _ in groups]
        for moments, part in ((self.fitted, slice(None, fitted)), (self.held, slice(fitted, None))):
            if not len(left[part]):
                continue
            rows = self._rows(left[part], self.reference)
            others = self._rows(right[part], self.new)
            for g, moment in enumerate(moments):
                moment.update(rows[g], others[g])

    def _rows(self, value: Tensor, reader: Reader) -> Tensor:
        rows = channel_rows(value, reader, self.flatten)
        return torch.cat([rows.real, rows.imag], dim=1) if self.real and rows.is_complex() else rows

    def solve(self, alignment: Alignment) -> Tensor:
        """Return the maps of all groups, computed once from moments that are then measured and dropped."""
        if self.maps is None:
            name = f"layer {self.reference.layer!r}"
            for moment in (*self.fitted, *self.held):
                moment.all_reduce()
            for moment in self.fitted:
                moment.check(name)
            rows, channels = self.fitted[0].count, map_size(self.new, self.flatten)
            if rows < channels:
                warnings.warn(
                    f"{name}: {rows} rows to align {channels} channels on; give at least {10 * channels} "
                    f"(about {10 * channels // max(rows, 1) + 1} times the images)",
                    RainbowWarning,
                    stacklevel=2,
                )
            self.maps = torch.stack([alignment(moment) for moment in self.fitted])
            self.row = self._quality(self.maps)
            self.fitted, self.held = [], []
        return self.maps

    def _quality(self, maps: Tensor) -> dict[str, Any]:
        """Return the mean quality over groups, on held-out images where there are any."""
        held = self.held[0].count > 0
        moments = self.held if held else self.fitted
        row: dict[str, Any] = {
            "layer": self.reference.layer,
            "channels": map_size(self.reference, self.flatten) * self.reference.groups,
            "sampled_channels": map_size(self.new, self.flatten) * self.new.groups,
            "rows": self.fitted[0].count,
            "held_out": held,
        }
        if moments[0].keeps_right:
            found = [alignment_quality(a, m) for a, m in zip(maps, moments, strict=True)]
            row["error"] = sum(q.error for q in found) / len(found)
            row["similarity"] = sum(q.similarity for q in found) / len(found)
        return row


class SampleAligner(Visitor):
    """The visitor of sampling.

    Args:
        reference: The reference network.
        new: The resized network, whose parameters are written on the way.
        drafts: Its drawn parameters, reading the reference's channels.
        preset: Which alignment, and what it acts on at a flatten.
        kept: Populations that keep their trained neurons.
        features: Collects what the classifier reads, or nothing.
        align: Whether drafts read the reference's channels; else they are written as they are and norms are measured.
    """

    def __init__(
        self,
        reference: Network,
        new: Network,
        drafts: Mapping[str, Tensor],
        preset: Preset,
        *,
        kept: frozenset[str] = frozenset(),
        features: Features | None = None,
        align: bool = True,
    ) -> None:
        self.reference, self.new, self.drafts, self.preset = reference, new, drafts, preset
        self.features = features
        self._parameters = new.parameters
        changed = _downstream(reference, kept)
        others = {reader.parameter: reader for reader in new.readers}
        self.pairs: dict[tuple, Pair] = {}
        self._waiting: dict[str, Pair] = {}
        for reader in reference.readers:
            if not align or reader.frozen or reader.source not in changed:
                continue
            key = (reader.source, reader.dim, reader.groups)
            if key not in self.pairs:
                self.pairs[key] = Pair(reader, others[reader.parameter], preset.flatten, real=True)
            self.pairs[key].real &= not drafts[reader.parameter].is_complex()
            self._waiting[reader.parameter] = self.pairs[key]
        self._readers = {reader.parameter: reader for reader in reference.readers}
        self._used = {node: self._parameters_read_by(node) for node in reference.traced.graph.nodes}
        for name, draft in drafts.items():
            if name not in self._waiting:
                self._write(name, draft)
        # Nothing waits for a folded norm: it is measured for the record.
        folded = parameters_of(reference, fold=preset.norms == "folded").folded
        self._folded = {norm.node: norm for norm in folded}
        self._batch = {n.node: n for n in reference.norms if not self._tracks(reference, n)}
        self._measured = {
            norm.node: norm
            for norm in reference.norms
            if norm.source in changed
            and norm.node not in self._folded
            and norm.node not in self._batch
            and preset.draw != "identity"
        }
        norms = [*self._batch.values(), *self._measured.values(), *self._folded.values()]
        self._moments: dict[tuple[fx.Node, int], ChannelMoment] = {}
        self._by_source: dict[fx.Node, list[Norm]] = {}
        for norm in norms:
            self._by_source.setdefault(norm.source, []).append(norm)

    # The visitor ------------------------------------------------------------------------------------------------

    def needs(self, node: fx.Node) -> list[fx.Node]:
        """A layer needs the moments of what it reads, a norm the statistics of what it normalises."""
        needed = [self._waiting[name].reference.source for name in self._used[node]]
        if node in self._measured or node in self._batch:
            needed.append(node.all_input_nodes[0])
        return needed

    def ready(self, node: fx.Node) -> None:
        """Write a layer's weight, or a norm's statistics."""
        for name in self._used[node]:
            draft = self.drafts[name]
            maps = self._waiting[name].solve(self.preset.alignment)
            self._write(name, read_through(draft, self._readers[name], maps, self.preset.flatten))
        if node in self._measured:
            self._set_statistics(self.new, node, 1)
        if node in self._batch:
            for k, network in enumerate((self.reference, self.new)):
                self._set_statistics(network, node, k)

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Accumulate the moments and statistics of a new value."""
        for pair in self.pairs.values():
            if pair.reference.source is node:
                pair.observe(values[0], values[1], chunk.fitted, keep=self.preset.alignment.needs_right_self)
        for norm in self._by_source.get(node, ()):
            for k in (0, 1) if norm.node in self._batch else (1,):
                rows = values[k][: chunk.fitted].movedim(1, -1).flatten(0, -2)
                if (norm.node, k) not in self._moments:
                    dtype = torch.complex128 if rows.is_complex() else torch.float64
                    self._moments[norm.node, k] = ChannelMoment(rows.shape[1], dtype=dtype, device=rows.device)
                self._moments[norm.node, k].update(rows)
        if self.features is not None and node is self.features.source_in(self.reference):
            self.features.add(values[1])

    # After the walk ---------------------------------------------------------------------------------------------

    @contextmanager
    def batch_statistics(self) -> Iterator[None]:
        """Let norms without running statistics use those of all images during the walk, not those of a chunk."""
        try:
            yield
        finally:
            for norm in self._batch.values():
                for network in (self.reference, self.new):
                    module: Any = network.modules[norm.name]
                    module.running_mean = module.running_var = None

    def measure_folded_norms(self) -> None:
        """Give folded norms the statistics of what they normalise, with scale and offset that undo them.

        The function is unchanged; a norm that holds its true statistics can be trained further.
        """
        for node, norm in self._folded.items():
            module: Any = self.new.modules[norm.name]
            if (node, 1) not in self._moments:
                continue
            moment = self._moments[node, 1].all_reduce()
            mean, variance = (s.to(module.bias) for s in (moment.mean, moment.variance))
            with torch.no_grad():
                module.running_mean.copy_(mean)
                module.running_var.copy_(variance)
                deviation = (module.running_var + module.eps).sqrt()
                module.bias.copy_(module.bias + module.weight * mean)
                module.weight.copy_(module.weight * deviation)

    def table(self) -> pd.DataFrame:
        """Return the quality of the alignment at every activation that was aligned, in order of execution."""
        return pd.DataFrame([pair.row for pair in self.pairs.values() if pair.row is not None])

    # Inside -----------------------------------------------------------------------------------------------------

    def _parameters_read_by(self, node: fx.Node) -> list[str]:
        if node.op == "call_module":
            names = [f"{node.target}.{leaf}" for leaf, _ in self.reference.modules[str(node.target)].named_parameters()]
        else:
            names = [str(n.target) for n in node.all_input_nodes if n.op == "get_attr"]
        return [name for name in names if name in self._waiting]

    def _write(self, name: str, value: Tensor) -> None:
        with torch.no_grad():
            self._parameters[name].copy_(value)

    @staticmethod
    def _tracks(network: Network, norm: Norm) -> bool:
        module: Any = network.modules[norm.name]
        return module.track_running_stats

    def _set_statistics(self, network: Network, node: fx.Node, k: int) -> None:
        moment = self._moments[node, k].all_reduce()
        module: Any = network.modules[str(node.target)]
        if node in self._batch:
            module.running_mean = moment.mean.to(network.example.dtype)
            module.running_var = moment.variance.to(network.example.dtype)
        else:
            module.running_mean.copy_(moment.mean)
            module.running_var.copy_(moment.variance)


def _downstream(network: Network, kept: frozenset[str]) -> set[fx.Node]:
    """Return the nodes whose value depends on a drawn neuron."""
    drawn = {name for p in network.populations if not p.frozen and p.name not in kept for name in p.slots}
    changed: set[fx.Node] = set()
    for node in network.traced.graph.nodes:
        own = node.op == "get_attr" and str(node.target) in drawn
        if node.op == "call_module":
            prefix = f"{node.target}."
            own = any(name.startswith(prefix) for name in drawn)
        if own or any(source in changed for source in node.all_input_nodes):
            changed.add(node)
    return changed
