"""Moments of several networks at once: what a walk accumulates at every activation that weights read."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor, fx

from rainbownet.aligned import polar_factor
from rainbownet.aligned.basis import Flatten, channel_rows, map_size
from rainbownet.aligned.polar import completed
from rainbownet.errors import RainbowWarning
from rainbownet.graph import Network, Reader
from rainbownet.moments import CrossMoment
from rainbownet.walk import Chunk, Visitor

Key = tuple[fx.Node, int, int]
"""An activation, the axis that is read, and the number of groups it is read in."""

Maps = Mapping[Key, Inexact[Tensor, "_g _d _e"]]
"""The rotation of each activation of one network onto the hub's, by group."""


NOISE = torch.finfo(torch.float32).eps
"""Singular values of a cross moment, relative to the largest, below which rounding of activations makes directions."""


def key_of(reader: Reader) -> Key:
    """Return what readers of the same channels share."""
    return reader.source, reader.dim, reader.groups


class HubMoments(Visitor):
    """The visitor: for every network, the moments of its channels with those of a hub, the common basis.

    Args:
        networks: Networks of one structure.
        readers: The readers of the first network, whose graph the walk goes through.
        flatten: What rotations act on at a flatten.
        reference: Number of the network whose channels are the basis.
        previous: Rotations of every network onto the hub; the hub is the mean of the rotated activations then, and the
            reference itself without them.
        keep_self: Whether the self moments are wanted.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        readers: Sequence[Reader],
        flatten: Flatten,
        *,
        reference: int = 0,
        previous: Sequence[Maps] | None = None,
        keep_self: bool = True,
    ) -> None:
        self.flatten: Flatten = flatten
        self.reference, self.previous, self.keep_self = reference, previous, keep_self
        self.others = [{reader.parameter: reader for reader in network.readers} for network in networks]
        self.readers = {key_of(reader): reader for reader in readers}
        # Real weights read the real and the imaginary part of an activation alike, and commute with real maps only.
        self.complex = {
            key_of(r) for r in readers for network in networks if network.parameters[r.parameter].is_complex()
        }
        self._fitted: dict[tuple[Key, int, int], CrossMoment] = {}
        self._held: dict[tuple[Key, int, int], CrossMoment] = {}

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Accumulate the moments of a new value, fitted and held-out images apart."""
        for key, reader in self.readers.items():
            if reader.source is not node:
                continue
            for moments, part in (
                (self._fitted, slice(None, chunk.fitted)),
                (self._held, slice(chunk.fitted, None)),
            ):
                if len(values[0][part]):
                    self._add(moments, key, [value[part] for value in values])

    def moments(self, key: Key, network: int) -> tuple[list[CrossMoment], list[CrossMoment | None]]:
        """Return the moments of a network at an activation, one for each group: fitted and held out.

        Raises:
            AlignmentError: If activations are dead or not finite, naming the layer.
        """
        reader = self.readers[key]
        indices = [(key, network, group) for group in range(reader.groups)]
        name = f"layer {reader.layer!r}"
        return [self._fitted[i].check(name) for i in indices], [self._held.get(i) for i in indices]

    def rotations(self) -> list[Maps]:
        """Return the rotation of every network onto the hub; the identity where channels are the images' own."""
        for moment in (*self._fitted.values(), *self._held.values()):
            moment.all_reduce()
        return [{key: self._rotation(key, network) for key in self.readers} for network in range(len(self.others))]

    def _rotation(self, key: Key, network: int) -> Tensor:
        reader, (moments, _) = self.readers[key], self.moments(key, network)
        size = map_size(self.others[self.reference][reader.parameter], self.flatten)
        if reader.frozen or (network == self.reference and self.previous is None):
            return torch.eye(size, dtype=moments[0].dtype).expand(reader.groups, -1, -1)
        channels = max(size, moments[0].right_dim)
        if moments[0].count < channels:
            warnings.warn(
                f"layer {reader.layer!r}: {moments[0].count} rows to align {channels} channels on; "
                f"give at least {10 * channels}",
                RainbowWarning,
                stacklevel=2,
            )
        maps = [polar_factor(moment.cross, tol=NOISE) for moment in moments]
        return torch.stack([completed(a) if a.shape[0] == a.shape[1] else a for a in maps]).cpu()

    def _add(self, moments: dict[tuple[Key, int, int], CrossMoment], key: Key, values: list[Tensor]) -> None:
        parameter = self.readers[key].parameter
        readers = [other[parameter] for other in self.others]
        rows = [self._rows(value, reader, key) for value, reader in zip(values, readers, strict=True)]
        hub = rows[self.reference] if self.previous is None else self._mean(key, rows)
        for k, own in enumerate(rows):
            for group in range(len(own)):
                index = (key, k, group)
                if index not in moments:
                    moments[index] = self._new(hub, own, k)
                moments[index].update(hub[group], own[group])

    def _new(self, hub: Tensor, own: Tensor, network: int) -> CrossMoment:
        return CrossMoment(
            hub.shape[2],
            own.shape[2],
            # The cross moment of the reference with itself is its self moment.
            right_self=self.keep_self and not (network == self.reference and self.previous is None),
            left_self=self.keep_self and self.previous is not None and network == self.reference,
            dtype=torch.complex128 if own.is_complex() or hub.is_complex() else torch.float64,
            device=own.device,
        )

    def _rows(self, value: Tensor, reader: Reader, key: Key) -> Tensor:
        rows = channel_rows(value, reader, self.flatten)
        return torch.cat([rows.real, rows.imag], dim=1) if rows.is_complex() and key not in self.complex else rows

    def _mean(self, key: Key, rows: list[Tensor]) -> Tensor:
        assert self.previous is not None
        aligned = [
            own @ maps[key].mT.to(device=own.device, dtype=own.dtype)
            for own, maps in zip(rows, self.previous, strict=True)
        ]
        return torch.stack(aligned).mean(0)
