"""Pairs: the moments of an activation in two networks, fitted and held out apart; the one place where they are summed.

A layer reads an activation `z` of the reference and `z'` of another network. Their moments are all that maps between
them, and the quality of these maps, are made of.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor, fx

from rainbownet.aligned.basis import Flatten, channel_rows, map_size
from rainbownet.aligned.chosen import Choice
from rainbownet.aligned.maps import Alignment
from rainbownet.aligned.polar import completed, polar_factor
from rainbownet.aligned.quality import Quality, alignment_quality
from rainbownet.errors import RainbowWarning
from rainbownet.graph import Network, Reader
from rainbownet.moments import CrossMoment
from rainbownet.walk import Chunk, Visitor

Key = tuple[fx.Node, int, int]
"""An activation, the axis that is read, and the number of groups it is read in."""

Maps = Mapping[Key, Inexact[Tensor, "_g _d _e"]]
"""The map of each activation of a network onto the reference's, by group."""

NOISE = torch.finfo(torch.float32).eps
"""Singular values of a cross moment, relative to the largest, below which rounding of activations makes directions."""


def key_of(reader: Reader) -> Key:
    """Return what readers of the same channels share."""
    return reader.source, reader.dim, reader.groups


def read_rows(value: Tensor, reader: Reader, flatten: Flatten, *, real: bool) -> Inexact[Tensor, "g n d"]:
    """Return the rows a reader sees, by group.

    Where the weights are real they read the real and the imaginary part of an activation alike, and commute with real
    maps only: the two parts are rows of their own then, and maps real at half the cost.
    """
    rows = channel_rows(value, reader, flatten)
    return torch.cat([rows.real, rows.imag], dim=1) if real and rows.is_complex() else rows


def halves(fitted: int, count: int) -> Iterator[tuple[bool, slice]]:
    """Yield whether images are held out, and which, for the parts of a chunk that have images."""
    if fitted:
        yield False, slice(None, fitted)
    if fitted < count:
        yield True, slice(fitted, None)


class PairMoments:
    """The moments of one activation in a reference and another network.

    Moments are made with the first rows and dropped with `drop`; under `torch.distributed` they are summed over the
    processes when they are first asked for.

    Args:
        layer: Name of the layer that reads it, for messages.
        left_self: Whether the reference's self moment is kept.
        right_self: Whether the other network's self moment is kept of fitted images, which least squares needs, and
            the quality of a map whose columns are not orthogonal. Of held-out images it always is, so that they
            measure any map.
        means: Whether the means of both are kept, for centred moments.
        dead: Whether the other network's activations may be zero on all rows, as a few neurons drawn at random can be:
            `choose` warns then, and gives the zero map.
    """

    def __init__(
        self,
        layer: str,
        *,
        left_self: bool = False,
        right_self: bool = True,
        means: bool = False,
        dead: bool = False,
    ) -> None:
        self.layer, self.left_self, self.right_self, self.means = layer, left_self, right_self, means
        self.dead = dead
        self._fitted: list[CrossMoment] = []
        self._held: list[CrossMoment] = []
        self._summed = self._checked = False

    def add(self, left: Inexact[Tensor, "g n d"], right: Inexact[Tensor, "g n e"], *, held: bool) -> None:
        """Add paired rows of every group, of images that are fitted to or held out."""
        if not self._fitted:
            complex_ = left.is_complex() or right.is_complex()
            sizes: Any = (left.shape[2], right.shape[2])
            options: Any = {
                "left_self": self.left_self,
                "means": self.means,
                "dtype": torch.complex128 if complex_ else torch.float64,
                "device": right.device,
            }
            self._fitted = [CrossMoment(*sizes, right_self=self.right_self, **options) for _ in left]
            self._held = [CrossMoment(*sizes, **options) for _ in left]
        for moment, own, other in zip(self._held if held else self._fitted, left, right, strict=True):
            moment.update(own, other)

    @property
    def fitted(self) -> list[CrossMoment]:
        """The moments of fitted images, by group.

        Raises:
            AlignmentError: If activations are dead or not finite, naming the layer.
        """
        self._sum()
        if not self._checked:
            for moment in self._fitted:
                moment.check(f"layer {self.layer!r}", dead=self.dead)
            self._checked = True
        return self._fitted

    @property
    def held(self) -> list[CrossMoment] | None:
        """Those of held-out images, if there are any."""
        self._sum()
        return self._held if self._held and self._held[0].count else None

    @property
    def unchecked(self) -> tuple[list[CrossMoment], list[CrossMoment]]:
        """The moments of fitted and of held-out images, by group, of activations that may be dead or not finite."""
        self._sum()
        return self._fitted, self.held or []

    def solve(self, alignment: Callable[[CrossMoment], Tensor]) -> Inexact[Tensor, "g d e"]:
        """Return the map of every group, from the moments of fitted images.

        Raises:
            AlignmentError: If activations are dead or not finite, naming the layer.
        """
        moments = self._enough()
        return torch.stack([alignment(moment) for moment in moments])

    def choose(self, alignment: Alignment) -> list[Choice]:
        """Return the map of every group and what it was made with; held-out images help to choose.

        Raises:
            AlignmentError: If activations are dead or not finite, naming the layer.
        """
        moments = self._enough()
        held = self.held or [None] * len(moments)
        alive = [moment.right_energy > 0 for moment in moments]
        if not all(alive):
            size, number = moments[0].right_dim, alive.count(False)
            warnings.warn(
                f"layer {self.layer!r}: the {size} sampled channels that it reads"
                f"{f' in {number} of {len(alive)} groups' if len(alive) > 1 else ''} are zero on all "
                f"{moments[0].count} rows, so it gives its offset alone; another seed or width draws others",
                RainbowWarning,
                stacklevel=3,
            )
        return [
            alignment.choose(moment, own) if lives else Choice(torch.zeros_like(moment.cross))
            for moment, own, lives in zip(moments, held, alive, strict=True)
        ]

    def _enough(self) -> list[CrossMoment]:
        """Return the moments of fitted images; warn where they are few."""
        moments = self.fitted
        rows, channels = moments[0].count, max(moments[0].left_dim, moments[0].right_dim)
        if rows < channels:
            warnings.warn(
                f"layer {self.layer!r}: {rows} rows to align {channels} channels on; give at least {10 * channels} "
                f"(about {10 * channels // max(rows, 1) + 1} times the images)",
                RainbowWarning,
                stacklevel=3,
            )
        return moments

    def quality(self, maps: Inexact[Tensor, "g d e"]) -> tuple[list[Quality], list[Quality] | None]:
        """Return how well maps do by group: on fitted images, and on held-out ones if there are any."""
        held = self.held
        return _measured(maps, self.fitted), None if held is None else _measured(maps, held)

    def drop(self) -> None:
        """Forget the moments."""
        self._fitted, self._held = [], []

    def _sum(self) -> None:
        if not self._summed:
            for moment in (*self._fitted, *self._held):
                moment.all_reduce()
            self._summed = True


class ActivationPairs(Visitor):
    """The visitor: pairs of every activation that weights read, of several networks with a reference.

    Args:
        networks: Networks of one structure.
        readers: Readers of the first network, whose graph the walk goes through.
        flatten: What maps act on at a flatten.
        reference: Number of the network whose channels are the basis.
        previous: Maps of every network onto the reference's channels: the left side is the mean of the mapped
            activations then, the mean reference, and the reference itself without them.
        right_self: Whether self moments of fitted images are kept.
        own: Whether the reference is paired with itself as well, for its own moment.
        means: Whether means are kept, for moments of centred activations.
    """

    keeps = False

    def __init__(
        self,
        networks: Sequence[Network],
        readers: Sequence[Reader],
        flatten: Flatten,
        *,
        reference: int = 0,
        previous: Sequence[Maps] | None = None,
        right_self: bool = True,
        own: bool = False,
        means: bool = False,
    ) -> None:
        self.flatten: Flatten = flatten
        self.reference, self.previous, self.count = reference, previous, len(networks)
        self.readers = {key_of(reader): reader for reader in readers}
        self.named = [{reader.parameter: reader for reader in network.readers} for network in networks]
        self.others = {
            key: [replace(own[reader.parameter], groups=reader.groups) for own in self.named]
            for key, reader in self.readers.items()
        }
        values = [network.parameters for network in networks]
        complex_ = {key_of(r) for r in readers for own in values if own[r.parameter].is_complex()}
        self.real = {key: key not in complex_ for key in self.readers}
        paired = [k for k in range(self.count) if own or previous is not None or k != reference]
        # The cross moment of the reference with itself is its self moment.
        self.pairs = {
            (key, k): PairMoments(
                reader.layer,
                left_self=right_self and previous is not None and k == reference,
                right_self=right_self and (previous is not None or k != reference),
                means=means,
            )
            for key, reader in self.readers.items()
            for k in paired
        }
        self._keys: dict[fx.Node, list[Key]] = {}
        for key in self.readers:
            self._keys.setdefault(key[0], []).append(key)

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Add the rows of a new value, fitted and held-out images apart."""
        for key in self._keys.get(node, ()):
            for held, part in halves(chunk.fitted_of(values[0]), len(values[0])):
                rows = [
                    read_rows(value[part], reader, self.flatten, real=self.real[key])
                    for value, reader in zip(values, self.others[key], strict=True)
                ]
                left = rows[self.reference] if self.previous is None else self._mean(key, rows)
                for k, own in enumerate(rows):
                    if (key, k) in self.pairs:
                        self.pairs[key, k].add(left, own, held=held)

    def rotations(self) -> list[Maps]:
        """Return the rotation of every network onto the reference; the identity for the reference itself.

        Where both have as many channels it is unitary: directions that no image excites have no rotation of their own
        and are completed. Channels that no sample changes, such as the images', are not rotated.

        Raises:
            AlignmentError: If activations are dead or not finite, naming the layer.
        """
        return [{key: self._rotation(key, k) for key in self.readers} for k in range(self.count)]

    def _rotation(self, key: Key, network: int) -> Tensor:
        if self.readers[key].frozen or (network == self.reference and self.previous is None):
            reader = self.others[key][self.reference]
            dtype = torch.float64 if self.real[key] else torch.complex128
            return torch.eye(map_size(reader, self.flatten), dtype=dtype).expand(reader.groups, -1, -1)
        return self.pairs[key, network].solve(rotation).cpu()

    def _mean(self, key: Key, rows: list[Tensor]) -> Tensor:
        assert self.previous is not None
        mapped = [
            own @ maps[key].mT.to(device=own.device, dtype=own.dtype)
            for own, maps in zip(rows, self.previous, strict=True)
        ]
        return torch.stack(mapped).mean(0)


def rotation(moment: CrossMoment) -> Inexact[Tensor, "d e"]:
    """Return the polar factor of a cross moment (R6), completed to a unitary map where both sides have one width."""
    factor = polar_factor(moment.cross, tol=NOISE)
    return completed(factor) if factor.shape[0] == factor.shape[1] else factor


def mean_quality(qualities: Sequence[Quality] | None, name: str) -> float:
    """Return the mean of a measure over groups; NaN without any."""
    return math.nan if qualities is None else sum(getattr(own, name) for own in qualities) / len(qualities)


def _measured(maps: Tensor, moments: Sequence[CrossMoment]) -> list[Quality]:
    return [alignment_quality(map, moment) for map, moment in zip(maps, moments, strict=True)]
