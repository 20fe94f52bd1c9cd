"""Several networks in one basis: rotations from the reference's channels to each network's (R16; reference, 2.3)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

from rainbownet.aligned import Procrustes
from rainbownet.aligned.basis import Flatten, channel_rows, map_size
from rainbownet.aligned.polar import completed
from rainbownet.graph import Network, Reader
from rainbownet.moments import CrossMoment
from rainbownet.walk import AlignmentImages, Chunk, Visitor

ROUNDS = 2
"""How often networks are aligned again to the mean of the aligned ones."""

_Key = tuple[fx.Node, int, int]


def maps_from_reference(
    networks: Sequence[Network], images: AlignmentImages, flatten: Flatten, *, mean: bool
) -> list[dict[str, Tensor]]:
    """Return, for each network and reader, the rotation from the first network's channels to that network's.

    Args:
        networks: Networks of the same shapes.
        images: The images; all of them unless they say how many.
        flatten: What maps act on at a flatten.
        mean: Whether to align to the mean of the aligned networks instead of to the first.

    Returns:
        By the name of the reading parameter, `(groups, d, d)` with `z_m ≈ B z_0`; nothing for the first network.
    """
    if mean:
        images.check_passes(1 + ROUNDS, "aligning to the mean")
    rotations: list[dict[_Key, Tensor]] | None = None
    for _ in range(1 + ROUNDS if mean else 1):
        visitor = _Aligner(networks, flatten, rotations)
        images.walk(networks, visitor, least=math.inf)
        rotations = visitor.rotations()
    assert rotations is not None
    result: list[dict[str, Tensor]] = []
    readers = [reader for reader in networks[0].readers if not reader.frozen]
    for own in rotations[1:]:
        maps = {r.parameter: own[_key(r)].mH @ rotations[0][_key(r)] for r in readers}
        result.append(maps)
    return [{}, *result]


def _key(reader: Reader) -> _Key:
    return reader.source, reader.dim, reader.groups


class _Aligner(Visitor):
    """Accumulates, for every network, the moment of its channels with those of the hub."""

    def __init__(
        self, networks: Sequence[Network], flatten: Flatten, rotations: list[dict[_Key, Tensor]] | None
    ) -> None:
        self.flatten: Flatten = flatten
        self.previous = rotations
        self.readers = {_key(r): r for r in networks[0].readers if not r.frozen}
        self.sources: dict[fx.Node, list[Reader]] = {}
        for reader in self.readers.values():
            self.sources.setdefault(reader.source, []).append(reader)
        self.count = len(networks)
        parameters = networks[0].parameters
        self.complex = {_key(r) for r in networks[0].readers if parameters[r.parameter].is_complex()}
        self.moments: dict[tuple[_Key, int, int], CrossMoment] = {}

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        for reader in self.sources.get(node, ()):
            rows = [self._rows(value, reader) for value in values]
            hub = rows[0] if self.previous is None else self._mean(reader, rows)
            for k in range(self.count):
                if k == 0 and self.previous is None:
                    continue
                for g in range(reader.groups):
                    self._moment(reader, k, g, rows[k]).update(hub[g], rows[k][g])

    def rotations(self) -> list[dict[_Key, Tensor]]:
        """Return the rotation of each network's channels onto the hub's."""
        result: list[dict[_Key, Tensor]] = [{} for _ in range(self.count)]
        for key, reader in self.readers.items():
            size = map_size(reader, self.flatten)
            for k in range(self.count):
                if k == 0 and self.previous is None:
                    dtype = torch.complex128 if key in self.complex else torch.float64
                    result[k][key] = torch.eye(size, dtype=dtype).expand(reader.groups, -1, -1)
                    continue
                moments = [self.moments[key, k, g] for g in range(reader.groups)]
                maps = [Procrustes(scale=False)(m.all_reduce().check(f"layer {reader.layer!r}")) for m in moments]
                result[k][key] = torch.stack([completed(a) for a in maps]).cpu()
        return result

    def _rows(self, value: Tensor, reader: Reader) -> Tensor:
        """Return rows of channels; real readers are rotated by real maps, found from real and imaginary parts."""
        rows = channel_rows(value, reader, self.flatten)
        return (
            torch.cat([rows.real, rows.imag], dim=1) if rows.is_complex() and _key(reader) not in self.complex else rows
        )

    def _mean(self, reader: Reader, rows: list[Tensor]) -> Tensor:
        assert self.previous is not None
        aligned = [
            r @ a[_key(reader)].mT.to(device=r.device, dtype=r.dtype) for r, a in zip(rows, self.previous, strict=True)
        ]
        return torch.stack(aligned).mean(0)

    def _moment(self, reader: Reader, k: int, group: int, rows: Tensor) -> CrossMoment:
        index = (_key(reader), k, group)
        if index not in self.moments:
            size = map_size(reader, self.flatten)
            dtype = torch.complex128 if rows.is_complex() else torch.float64
            self.moments[index] = CrossMoment(size, size, right_self=False, dtype=dtype, device=rows.device)
        return self.moments[index]
