"""Rainbows on disk: one safetensors file with JSON metadata, written atomically, read without unpickling."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError, FileError, UnsupportedOp
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.graph import Network
from rainbownet.graph.program import from_program, to_program
from rainbownet.laws import Block, FittedLaw
from rainbownet.rainbow.model import Rainbow, kept_parameters, realise, rows_of
from rainbownet.rainbow.presets import Preset

FORMAT = 1
_FIELDS = {
    "architecture": dict | None,
    "program": dict | None,
    "head": str | list,
    "example": dict,
    "preset": dict,
    "laws": dict,
    "networks": int,
    "provenance": dict,
}


def save(
    rainbow: Rainbow,
    path: str | PathLike[str],
    *,
    architecture: str | None = None,
    kwargs: dict[str, Any] | None = None,
) -> int:
    """Write a rainbow to a file.

    The file holds the laws, the parameters no law describes, and the network: as operations of torch.nn if it is made
    of those, and by the name of its factory if one is given. It is written under another name and moved into place.

    Args:
        rainbow: What to write.
        path: Where.
        architecture: ``"package.module:factory"`` or the name of a reference network, to build the same class again.
        kwargs: Arguments of the factory, JSON values.

    Returns:
        Size of the file in bytes.

    Raises:
        FileError: If it cannot be written; nothing is left behind.
        UnsupportedOp: If the network is not made of torch.nn and no architecture is given.
    """
    network = rainbow.network
    tensors: dict[str, Tensor] = {}
    laws = {}
    for name, law in rainbow.laws.items():
        for key, value in law.tensors().items():
            tensors[f"law/{name}/{key}"] = value.to(_stored(value.dtype)).contiguous().cpu()
        laws[name] = [{"name": b.name, "shape": list(b.shape)} for b in law.blocks]
    values = network.parameters
    for name in kept_parameters(network):
        tensors[f"kept/{name}"] = values[name].detach().contiguous().cpu().clone()
    try:
        program = to_program(network.traced)
    except UnsupportedOp:
        if architecture is None:
            raise
        program = None
    metadata = {
        "format": FORMAT,
        "library": "rainbownet",
        "architecture": None if architecture is None else {"name": architecture, "kwargs": kwargs or {}},
        "program": program,
        "head": network.head if isinstance(network.head, str) else list(network.head),
        "example": {"shape": list(network.example.shape), "dtype": str(network.example.dtype)},
        "preset": rainbow.preset.to_dict(),
        "laws": laws,
        "networks": rainbow.networks,
        "provenance": rainbow.provenance,
    }
    return write_tensors(path, tensors, {"rainbownet": json.dumps(metadata, sort_keys=True)})


def load(path: str | PathLike[str], *, network: nn.Module | None = None) -> Rainbow:
    """Read a rainbow.

    Args:
        path: A file written by `Rainbow.save`.
        network: A module of the architecture that was fitted, its weights whatever they are: for networks of the user's
            own classes. Without it the network is built from the file.

    Returns:
        The rainbow.

    Raises:
        FileError: If the file is missing, damaged, not a rainbow, of a newer format, or needs `network`.
        ArchitectureError: If `network` has another architecture.
    """
    metadata, tensors = _read(Path(path))
    try:
        preset = Preset.from_dict(metadata["preset"])
        shape, dtype = metadata["example"]["shape"], getattr(torch, metadata["example"]["dtype"].removeprefix("torch."))
        module = network if network is not None else _module(Path(path), metadata)
        reference = Network(module, torch.zeros(shape, dtype=dtype), head=metadata["head"])
        kept = {k.removeprefix("kept/"): v for k, v in tensors.items() if k.startswith("kept/")}
        _check_kept(Path(path), reference, kept)
        laws = _laws(Path(path), metadata["laws"], tensors, preset, reference)
    except (KeyError, TypeError, AttributeError) as error:
        raise FileError(f"{path}: not a complete rainbow file ({type(error).__name__}: {error})") from error
    realise(reference, laws, preset, kept)
    return Rainbow(reference, laws, preset, metadata["networks"], metadata["provenance"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tensors, strings = read_tensors(path, "rainbow file")
    if "rainbownet" not in strings:
        raise FileError(f"{path}: a safetensors file, but not one that Rainbow.save wrote")
    metadata = check_fields(parse_json(strings["rainbownet"], str(path)), {"format": int}, str(path), "rainbow file")
    if metadata["format"] > FORMAT:
        raise FileError(
            f"{path}: written in format {metadata['format']}; this version of rainbownet reads up to {FORMAT}: "
            "upgrade it"
        )
    return check_fields(metadata, _FIELDS, str(path), "rainbow file"), tensors


def _module(path: Path, metadata: dict[str, Any]) -> nn.Module:
    if metadata["program"] is not None:
        return from_program(metadata["program"])
    from rainbownet.resolve import resolve_network

    try:
        architecture = metadata["architecture"]
        return resolve_network(architecture["name"], architecture["kwargs"])
    except ArchitectureError as error:
        raise FileError(f"{path}: its network cannot be built ({error}); pass network= to load") from error


def _check_kept(path: Path, network: Network, kept: dict[str, Tensor]) -> None:
    if odd := set(kept) ^ set(kept_parameters(network)):
        raise ArchitectureError(
            f"{path}: the network does not have the undrawn parameters of the file; they differ in {sorted(odd)[:5]}"
        )
    values = network.parameters
    for name, value in kept.items():
        if values[name].shape != value.shape:
            raise ArchitectureError(
                f"{path}: parameter {name!r} has shape {tuple(value.shape)}, the network {tuple(values[name].shape)}"
            )


def _laws(
    path: Path, described: dict[str, Any], tensors: dict[str, Tensor], preset: Preset, network: Network
) -> dict[str, FittedLaw]:
    """Rebuild the laws, checked against the populations of the network."""
    expected = rows_of(network, network.parameters, preset)
    if odd := set(described) ^ set(expected):
        raise ArchitectureError(
            f"{path}: the network does not have the populations of the file; they differ in {sorted(odd)[:5]}"
        )
    laws = {}
    for name, (rows, blocks) in expected.items():
        own = [Block(b["name"], tuple(b["shape"])) for b in described[name]]
        if own != list(blocks):
            raise ArchitectureError(f"{path}: population {name!r} is made of {own}, in the network of {list(blocks)}")
        prefix = f"law/{name}/"
        parts = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            laws[name] = FittedLaw.from_tensors(preset.law, own, parts)
            shape = laws[name].neurons().shape
        except (TypeError, RuntimeError, ValueError) as error:
            raise FileError(f"{path}: the law of population {name!r} is damaged ({error})") from error
        if shape != rows.shape:
            raise ArchitectureError(
                f"{path}: population {name!r} has {shape[0]} neurons of {shape[1]} numbers, in the network {len(rows)} "
                f"of {rows.shape[1]}"
            )
    return laws


def _stored(dtype: torch.dtype) -> torch.dtype:
    """Laws are kept in float32: half the bytes, and more digits than the statistics have."""
    return torch.float32 if dtype is torch.float64 else dtype
