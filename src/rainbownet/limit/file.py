"""Limit networks on disk: one safetensors file with JSON metadata, written atomically, read without unpickling."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import fx, nn

from rainbownet.errors import FileError
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.graph.nodes import fetch
from rainbownet.graph.program import from_program, to_program
from rainbownet.limit.layers import LimitLayer
from rainbownet.limit.network import LimitNetwork

FORMAT = 1
_FIELDS = {"program": dict, "layers": dict, "table": list, "provenance": dict}


def save_limit(limit: LimitNetwork, path: str | PathLike[str]) -> int:
    """Write a limit network to a file.

    The file holds its parameters, landmarks included, and its operations by name.

    Args:
        limit: What to write.
        path: Where.

    Returns:
        Size of the file in bytes.

    Raises:
        FileError: If it cannot be written; nothing is left behind.
        UnsupportedOp: If it holds a module that is not one of torch.nn.
    """
    layers = {
        name: {
            "path": limit.paths[name],
            "activation": to_program(layer.activation),
            "dim": layer.dim,
            "mean": layer.mean,
            "end": limit.ends[name],
        }
        for name, layer in limit.layers.items()
    }
    metadata = {
        "format": FORMAT,
        "program": to_program(_without_layers(limit)),
        "layers": layers,
        "table": limit.table.to_dict("records"),
        "provenance": limit.provenance,
    }
    return write_tensors(path, limit.network.state_dict(), {"rainbownet.limit": json.dumps(metadata)})


def load_limit(path: str | PathLike[str]) -> LimitNetwork:
    """Read a limit network.

    Args:
        path: A file written by `LimitNetwork.save`.

    Returns:
        The network, in evaluation mode, equal to the one that was saved bit by bit.

    Raises:
        FileError: If the file is missing, damaged, not a limit network, or of a newer format.
    """
    metadata, tensors = _read(Path(path))
    try:
        network = from_program(metadata["program"])
        for described in metadata["layers"].values():
            place = described["path"]
            owner, _, leaf = place.rpartition(".")
            activation = from_program(described["activation"])
            values = (tensors[f"{place}.{name}"] for name in ("landmarks", "weight"))
            layer = LimitLayer(activation, described["dim"], described["mean"], *values)
            setattr(fetch(network, owner), leaf, layer)
        network.load_state_dict(tensors)
        paths = {name: described["path"] for name, described in metadata["layers"].items()}
        ends = {name: described["end"] for name, described in metadata["layers"].items()}
        table = pd.DataFrame(metadata["table"])
        return LimitNetwork(network.eval().requires_grad_(False), paths, table, metadata["provenance"], ends).eval()
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise FileError(f"{path}: not a complete limit network ({type(error).__name__}: {error})") from error


def _without_layers(limit: LimitNetwork) -> fx.GraphModule:
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
    # Its table has NaN where nothing was held out.
    parsed = parse_json(strings["rainbownet.limit"], str(path), finite=False)
    metadata = check_fields(parsed, {"format": int}, str(path), "limit network")
    if metadata["format"] > FORMAT:
        raise FileError(
            f"{path}: written in format {metadata['format']}; this version of rainbownet reads up to {FORMAT}: "
            "upgrade it"
        )
    return check_fields(metadata, _FIELDS, str(path), "limit network"), tensors
