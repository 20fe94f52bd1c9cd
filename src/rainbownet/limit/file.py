"""Limit networks on disk: one safetensors file with JSON metadata, written atomically, read without unpickling."""

import copy
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import fx, nn

from rainbownet.errors import FileError
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.graph.measure import measure
from rainbownet.graph.nodes import fetch
from rainbownet.graph.program import to_program
from rainbownet.graph.rebuild import from_program, in_memory, read_program
from rainbownet.graph.vocabulary import DTYPES
from rainbownet.limit.layers import LimitLayer, LimitMap
from rainbownet.limit.substitution import FOLDER

FORMAT = 1
_FIELDS = {"program": dict, "layers": dict, "table": list, "provenance": dict}


class LimitParts(NamedTuple):
    """What a limit network is made of, as `LimitNetwork` has it."""

    network: fx.GraphModule
    paths: Mapping[str, str]
    table: pd.DataFrame
    provenance: dict[str, Any]
    ends: Mapping[str, str]


def write(limit: LimitParts, path: str | PathLike[str]) -> int:
    """Write a limit network to a file and return its size in bytes; see `rainbownet.limit.save_limit`."""
    layers = {}
    for name, place in limit.paths.items():
        layer: Any = fetch(limit.network, place)
        layers[name] = {
            "path": place,
            "activation": to_program(layer.activation),
            "dim": layer.dim,
            "mean": layer.mean,
            "end": limit.ends[name],
        }
    metadata = {
        "format": FORMAT,
        "program": to_program(_without_layers(limit)),
        "layers": layers,
        "table": limit.table.to_dict("records"),
        "provenance": limit.provenance,
    }
    return write_tensors(path, limit.network.state_dict(), {"rainbownet.limit": json.dumps(metadata)})


def read(path: str | PathLike[str]) -> LimitParts:
    """Read what a limit network is made of; see `rainbownet.limit.load_limit`."""
    path = Path(path)
    metadata, tensors = _read(path)
    rows = metadata["table"]
    stored = sum(value.numel() for value in tensors.values())
    network = read_program(metadata["program"], str(path))
    layers = {name: _layer(path, name, d, tensors, network) for name, d in metadata["layers"].items()}
    _measure(path, network, layers, metadata, stored)
    network = in_memory(network, stored, str(path))
    for name, (place, layer) in layers.items():
        described = metadata["layers"][name]
        layer = LimitLayer(
            from_program(described["activation"], origin=str(path), stored=stored),
            layer.dim,
            described["mean"],
            *(tensors[f"{place}.{key}"] for key in ("landmarks", "weight")),
        )
        setattr(fetch(network, FOLDER), place.removeprefix(f"{FOLDER}."), layer)
    _check_state(path, network, tensors)
    network.load_state_dict(tensors)
    if not all(isinstance(row, dict) and not any(isinstance(v, (dict, list)) for v in row.values()) for row in rows):
        raise FileError(f"{path}: not a complete limit network: its table is no list of rows of numbers")
    try:
        table = pd.DataFrame(rows)
    except (TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{path}: not a complete limit network: its table is damaged ({reason(error)})") from error
    paths = {name: place for name, (place, _) in layers.items()}
    ends = {name: described["end"] for name, described in metadata["layers"].items()}
    return LimitParts(network.eval().requires_grad_(False), paths, table, metadata["provenance"], ends)


def _layer(
    path: Path, name: str, described: Any, tensors: Mapping[str, torch.Tensor], network: fx.GraphModule
) -> tuple[str, LimitMap]:
    """Return where a layer is, and a module of its sizes; checked against the tensors and the program."""
    fields = {"path": str, "activation": dict, "dim": int, "mean": bool, "end": str}
    check_fields(described, fields, str(path), f"limit network: layer {name!r}")
    place = described["path"]
    leaf = place.removeprefix(f"{FOLDER}.")
    called = {str(node.target) for node in network.graph.nodes if node.op == "call_module"}
    if leaf == place or "." in leaf or place not in called or not isinstance(fetch(network, place), nn.Identity):
        raise FileError(f"{path}: not a complete limit network: there is no place {place!r:.80} for layer {name!r:.80}")
    sizes = []
    for key in ("landmarks", "weight"):
        value = tensors.get(f"{place}.{key}")
        if value is None or value.ndim != 2 or not value.is_floating_point() or value.dtype.itemsize < 2:
            raise FileError(f"{path}: not a complete limit network: layer {name!r} has no matrix of {key}")
        sizes.append(value.shape)
    (landmarks, _), (rows, channels) = sizes
    if landmarks != rows or not -8 <= described["dim"] < 8:
        raise FileError(
            f"{path}: not a complete limit network: layer {name!r} has {landmarks} landmarks, {rows} rows of weights, "
            f"and its channels on axis {described['dim']}"
        )
    return place, LimitMap(described["dim"], channels)


def _measure(
    path: Path,
    network: fx.GraphModule,
    layers: Mapping[str, tuple[str, LimitMap]],
    metadata: dict[str, Any],
    stored: int,
) -> None:
    """Refuse a network whose activations are too large for its file; older files do not say the shape of an input."""
    known = metadata["provenance"].get("input")
    if known is None:
        return
    known = check_fields(known, {"shape": list, "dtype": str}, str(path), "limit network: its input")
    shape, dtype = known["shape"], DTYPES.get(known["dtype"])
    if dtype is None or not all(type(size) is int and 0 < size < 1 << 32 for size in shape):
        raise FileError(f"{path}: not a complete limit network: its input is {known!r:.80}")
    stand_ins = copy.deepcopy(network)
    for place, layer in layers.values():
        setattr(fetch(stand_ins, FOLDER), place.removeprefix(f"{FOLDER}."), layer)
    example = torch.empty((2, *shape), dtype=dtype, device="meta")
    measure(stand_ins, example, stored=stored, origin=str(path))


def _check_state(path: Path, network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    own = network.state_dict()
    for key in sorted(set(own) | set(tensors)):
        here, there = own.get(key), tensors.get(key)
        if here is None or there is None or here.shape != there.shape or here.is_complex() != there.is_complex():
            seen, needed = ("nothing" if t is None else f"{t.dtype} {tuple(t.shape)}" for t in (there, here))
            raise FileError(f"{path}: not a complete limit network: its tensor {key!r} is {seen}, needed is {needed}")


def _without_layers(limit: LimitParts) -> fx.GraphModule:
    """Return the network with modules of torch.nn in place of the layers of infinite width."""
    root = nn.Module()
    for name, module in limit.network.named_children():
        root.add_module(name, module)
    for name, value in (*limit.network.named_parameters(recurse=False), *limit.network.named_buffers(recurse=False)):
        setattr(root, name, value) if isinstance(value, nn.Parameter) else root.register_buffer(name, value)
    folder = nn.Module()
    for path in limit.paths.values():
        owner, _, leaf = path.rpartition(".")
        folder.add_module(leaf, nn.Identity())
        setattr(root, owner, folder)
    return fx.GraphModule(root, limit.network.graph)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    tensors, strings = read_tensors(path, "limit network")
    if "rainbownet.limit" not in strings:
        raise FileError(f"{path}: a safetensors file, but not one that LimitNetwork.save wrote")
    parsed = parse_json(strings["rainbownet.limit"], str(path), finite=False)
    metadata = check_fields(parsed, {"format": int}, str(path), "limit network")
    if metadata["format"] > FORMAT:
        raise FileError(
            f"{path}: written in format {metadata['format']}; this version of rainbownet reads up to {FORMAT}: "
            "upgrade it"
        )
    # Only its table has NaN, where nothing was held out.
    parse_json(json.dumps({**metadata, "table": None}), str(path))
    return check_fields(metadata, _FIELDS, str(path), "limit network"), tensors
