"""What sampling does on the way of a walk: accumulate moments, rotate unaligned weights into place, measure norms."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx

from rainbownet.aligned.basis import map_size, read_through
from rainbownet.aligned.pairs import Key, PairMoments, halves, key_of, mean_quality, read_rows
from rainbownet.graph import Network, Reader
from rainbownet.graph.declared import Norm
from rainbownet.moments import ChannelMoment
from rainbownet.rainbow.classifier import Features
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.presets import Preset
from rainbownet.walk import Chunk, Visitor


@dataclass
class _Aligned:
    """An activation of both networks that readers share: its moments, and the map once it is solved.

    The scale is the root of the energy of the reference's activation over that of the new one's.
    """

    reference: Reader
    new: Reader
    real: bool
    moments: PairMoments
    maps: Tensor | None = None
    scale: float = 1.0
    row: dict[str, Any] = field(default_factory=dict)


class SampleAligner(Visitor):
    """The visitor of sampling.

    Args:
        reference: The reference network.
        new: The resized network, whose parameters are written on the way.
        unaligned: Its drawn parameters, reading the reference's channels.
        preset: Which alignment, and what it acts on at a flatten.
        kept: Populations that keep their trained neurons.
        features: Collects what the classifier reads, or nothing.
        align: Whether these read the reference's channels; else they are written as they are and norms are measured.
        measure: Whether maps are measured on the images they were fitted to, none being held out.
    """

    keeps = False

    def __init__(
        self,
        reference: Network,
        new: Network,
        unaligned: Mapping[str, Tensor],
        preset: Preset,
        *,
        kept: frozenset[str] = frozenset(),
        features: Features | None = None,
        align: bool = True,
        measure: bool = False,
    ) -> None:
        self.reference, self.new, self.unaligned, self.preset = reference, new, unaligned, preset
        self.features = features
        self._parameters = new.parameters
        changed = _downstream(reference, kept)
        others = {reader.parameter: reader for reader in new.readers}
        self._readers = {reader.parameter: reader for reader in reference.readers}
        self._aligned: dict[Key, _Aligned] = {}
        self._waiting: dict[str, _Aligned] = {}
        for reader in reference.readers:
            if not align or reader.frozen or reader.source not in changed:
                continue
            key, other = key_of(reader), others[reader.parameter]
            if key not in self._aligned:
                wider = map_size(other, preset.flatten) > map_size(reader, preset.flatten)
                keep = preset.alignment.needs_right_self or (measure and wider)
                moments = PairMoments(reader.layer, right_self=keep, dead=True)
                self._aligned[key] = _Aligned(reader, other, True, moments)
            self._aligned[key].real &= not unaligned[reader.parameter].is_complex()
            self._waiting[reader.parameter] = self._aligned[key]
        self._used = {node: self._parameters_read_by(node) for node in reference.traced.graph.nodes}
        for name in unaligned:
            if name not in self._waiting:
                self._place(name)
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
            own = self._waiting[name]
            self._place(name, self._solved(own), own.scale)
        if node in self._measured:
            self._set_statistics(self.new, node, 1)
        if node in self._batch:
            for k, network in enumerate((self.reference, self.new)):
                self._set_statistics(network, node, k)

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Accumulate the moments and statistics of a new value."""
        for own in self._aligned.values():
            if own.reference.source is node:
                for held, part in halves(chunk.fitted_of(values[0]), len(values[0])):
                    left, right = (
                        read_rows(value[part], reader, self.preset.flatten, real=own.real)
                        for value, reader in zip(values, (own.reference, own.new), strict=True)
                    )
                    own.moments.add(left, right, held=held)
        for norm in self._by_source.get(node, ()):
            for k in (0, 1) if norm.node in self._batch else (1,):
                rows = values[k][: chunk.fitted_of(values[k])].movedim(1, -1).flatten(0, -2)
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
        return pd.DataFrame([own.row for own in self._aligned.values() if own.row])

    # Inside -----------------------------------------------------------------------------------------------------

    def _solved(self, own: _Aligned) -> Tensor:
        """Return the maps of all groups, computed once from moments that are then measured and dropped."""
        if own.maps is None:
            choices = own.moments.choose(self.preset.alignment)
            own.maps = torch.stack([choice.map for choice in choices])
            energies = [sum(getattr(m, side) for m in own.moments.fitted) for side in ("left_energy", "right_energy")]
            own.scale = math.sqrt(energies[0] / energies[1]) if energies[1] else 1.0
            fitted, held = own.moments.quality(own.maps)
            found = fitted if held is None else held
            own.row = {
                "layer": own.reference.layer,
                "channels": map_size(own.reference, self.preset.flatten) * own.reference.groups,
                "sampled_channels": map_size(own.new, self.preset.flatten) * own.new.groups,
                "rows": fitted[0].rows,
                "ridge": _geometric_mean([choice.ridge for choice in choices]),
                "toward": "/".join(sorted({choice.toward for choice in choices})),
                "held_out": held is not None,
                "error": mean_quality(found, "error"),
                "cosine": mean_quality(found, "cosine"),
            }
            own.moments.drop()
        return own.maps

    def _parameters_read_by(self, node: fx.Node) -> list[str]:
        if node.target is getattr or node.target in ("size", "dim", "numel"):
            return []  # of its shape alone, which is known before what the layer reads is aligned
        if node.op == "call_module":
            names = [f"{node.target}.{leaf}" for leaf, _ in self.reference.modules[str(node.target)].named_parameters()]
        else:
            names = [str(n.target) for n in node.all_input_nodes if n.op == "get_attr"]
        return [name for name in names if name in self._waiting]

    def _place(self, name: str, maps: Tensor | None = None, scale: float = 1.0) -> None:
        """Write a parameter, read through the maps of what it reads if that is aligned; of the given energy ratio."""
        value = self.unaligned[name]
        self._write(name, value if maps is None else self._read_through(name, value, maps))

    def _read_through(self, name: str, value: Tensor, maps: Tensor) -> Tensor:
        return read_through(value, self._readers[name], maps, self.preset.flatten)

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
            real = next(iter(network.parameters.values())).dtype.to_real()
            module.running_mean = moment.mean.to(real)
            module.running_var = moment.variance.to(real)
        else:
            module.running_mean.copy_(moment.mean)
            module.running_var.copy_(moment.variance)


def _geometric_mean(values: Sequence[float]) -> float:
    if len(set(values)) == 1 or min(values) == 0:
        return min(values)
    return math.exp(sum(math.log(v) for v in values) / len(values))


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
