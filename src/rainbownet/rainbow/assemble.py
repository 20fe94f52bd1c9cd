"""From the tensors of a file to laws and a reference: what does not fit the network is refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rainbownet.errors import ArchitectureError, FileError
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields
from rainbownet.graph import Network
from rainbownet.graph.measure import MISFITS
from rainbownet.laws import Block, FittedLaw
from rainbownet.rainbow.data import Rows, kept_parameters, realise, rows_of, rows_of_laws
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.seed_file import SEEDED, kept_names, read_kept, read_law

_PRODUCT = 1 << 24
_PARTS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)
_SEEDED_PARTS = (torch.int8, torch.float16, torch.float32)


def assemble(
    path: Path, reference: Network, metadata: dict[str, Any], tensors: dict[str, Tensor], preset: Preset
) -> dict[str, FittedLaw]:
    """Put what the file keeps into the network, and return the laws."""
    if metadata["format"] == SEEDED:
        kept, names = read_kept(path, reference, preset, tensors), kept_names(reference, preset)
    else:
        kept = {k.removeprefix("kept/"): v for k, v in tensors.items() if k.startswith("kept/")}
        names = kept_parameters(reference)
    _check_kept(path, reference, kept, names)
    if metadata["format"] == SEEDED:
        drawn = _drawn_laws(path, metadata, tensors, preset, reference)
        realise(reference, rows_of_laws(drawn), preset, kept)
        return drawn
    laws = _laws(path, metadata["laws"], tensors, preset, reference)
    realise(reference, _rows(path, laws, tensors), preset, kept)
    return laws


def _rows(path: Path, laws: dict[str, FittedLaw], tensors: dict[str, Tensor]) -> Rows:
    """Return the reference's neurons: those of the file, and of the laws where it has none."""
    rows = dict(rows_of_laws(laws))
    for key in tensors:
        if not key.startswith("rows/"):
            continue
        name, value = key.removeprefix("rows/"), tensors[key]
        if name not in rows:
            raise FileError(f"{path}: it holds neurons of {name!r:.80}, which is no population of its laws")
        own, blocks = rows[name]
        if value.shape != own.shape or value.dtype not in _PARTS or not value.isfinite().all():
            raise FileError(
                f"{path}: the neurons of population {name!r} are damaged ({tuple(value.shape)} of {value.dtype}, all "
                f"finite: {bool(value.isfinite().all())}); {tuple(own.shape)} finite numbers are needed"
            )
        rows[name] = (value.double(), blocks)
    return rows


def _check_kept(path: Path, network: Network, kept: dict[str, Tensor], names: Sequence[str]) -> None:
    if odd := set(kept) ^ set(names):
        raise ArchitectureError(
            f"{path}: the network does not have the undrawn parameters of the file; they differ in {sorted(odd)[:5]}"
        )
    values = network.parameters
    for name, value in kept.items():
        if values[name].shape != value.shape:
            raise ArchitectureError(
                f"{path}: parameter {name!r} has shape {tuple(value.shape)}, the network {tuple(values[name].shape)}"
            )
        if _kind(value) != _kind(values[name]):
            raise ArchitectureError(
                f"{path}: parameter {name!r} is of {value.dtype}, in the network of {values[name].dtype}"
            )


def _kind(value: Tensor) -> tuple[bool, bool]:
    return value.is_complex(), value.is_floating_point()


def _laws(
    path: Path, described: dict[str, Any], tensors: dict[str, Tensor], preset: Preset, network: Network
) -> dict[str, FittedLaw]:
    """Rebuild the laws, checked against the populations of the network."""
    laws = {}
    for name, rows, blocks, parts in _described_laws(path, described, tensors, preset, network, _PARTS):
        try:
            laws[name] = FittedLaw.from_tensors(preset.law, blocks, parts)
            shape = laws[name].neurons().shape
        except MISFITS as error:
            raise FileError(f"{path}: the law of population {name!r} is damaged ({reason(error)})") from error
        if shape != rows.shape:
            raise ArchitectureError(
                f"{path}: population {name!r} has {shape[0]} neurons of {shape[1]} numbers, in the network {len(rows)} "
                f"of {rows.shape[1]}"
            )
    return laws


def _drawn_laws(
    path: Path, metadata: dict[str, Any], tensors: dict[str, Tensor], preset: Preset, network: Network
) -> dict[str, FittedLaw]:
    """Rebuild the laws whose neurons are drawn from a seed."""
    stored = sum(value.numel() for value in tensors.values())
    writers = {population.name: population.writers for population in network.populations}
    laws: dict[str, FittedLaw] = {}
    for name, rows, blocks, parts in _described_laws(path, metadata["laws"], tensors, preset, network, _SEEDED_PARTS):
        laws[name] = read_law(path, metadata, name, blocks, len(rows), writers[name], preset, parts, stored)
    return laws


def _described_laws(
    path: Path,
    described: dict[str, Any],
    tensors: dict[str, Tensor],
    preset: Preset,
    network: Network,
    types: Sequence[torch.dtype],
) -> Iterator[tuple[str, Tensor, list[Block], dict[str, Tensor]]]:
    """Yield, for each population, its rows in the network, its blocks and the tensors of its law, checked."""
    expected = rows_of(network, network.parameters, preset)
    if odd := set(described) ^ set(expected):
        raise ArchitectureError(
            f"{path}: the network does not have the populations of the file; they differ in {sorted(odd)[:5]}"
        )
    for name, (rows, blocks) in expected.items():
        own = [_block(path, name, block) for block in described[name]]
        if own != list(blocks):
            raise ArchitectureError(f"{path}: population {name!r} is made of {own}, in the network of {list(blocks)}")
        prefix = f"law/{name}/"
        parts = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        _check_parts(path, name, parts, rows, types)
        yield name, rows, own, parts


def _block(path: Path, population: str, described: Any) -> Block:
    described = check_fields(described, {"name": str, "shape": list}, str(path), f"law of population {population!r}")
    return Block(described["name"], tuple(described["shape"]))


def _check_parts(path: Path, name: str, parts: dict[str, Tensor], rows: Tensor, types: Sequence[torch.dtype]) -> None:
    """Raise unless the tensors of a law are finite numbers, whose products are not far larger than they are."""
    for key, value in parts.items():
        if value.dtype not in types:
            raise FileError(f"{path}: the law of population {name!r} is damaged ({key!r} is of {value.dtype})")
        if not value.isfinite().all():
            raise FileError(f"{path}: the law of population {name!r} is damaged ({key!r} is not finite)")
    longest, widest = (max((v.shape[side] for v in parts.values() if v.ndim), default=0) for side in (0, -1))
    stored = sum(value.numel() for value in parts.values())
    if longest * widest > max(_PRODUCT, 4 * (stored + rows.numel())):
        raise FileError(
            f"{path}: the law of population {name!r} is damaged (it is of {longest} neurons and {widest} numbers, in "
            f"the network of {len(rows)} and {rows.shape[1]})"
        )
