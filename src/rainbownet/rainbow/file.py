"""Rainbows on disk: one safetensors file with JSON metadata, written atomically, read without unpickling."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from rainbownet.checks import path_of, shown
from rainbownet.errors import ArchitectureError, FileError, RainbowError, UnsupportedOp
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.files.tensors import read_tensors, serialised, write_tensors
from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch, Named, described
from rainbownet.graph.measure import MISFITS, metered
from rainbownet.graph.program import to_program
from rainbownet.graph.rebuild import from_program
from rainbownet.graph.vocabulary import DTYPES
from rainbownet.rainbow.assemble import assemble
from rainbownet.rainbow.data import RainbowData, changed, kept_parameters
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.seed_file import (
    FIELDS,
    SEEDED,
    deflated,
    inflated,
    is_seeded,
    seeded_fields,
    seeded_laws,
    seeded_tensors,
)

FORMAT = SEEDED
"""Format 1: the laws keep the reference's neurons; it is read by every version. 2: those that they do not keep stand
beside them. 3: neurons are drawn from a seed."""
REFERENCES = ("auto", "neurons", "seed")
_INPUTS = 1 << 23
"""Numbers in an example: two colour images of 1182 × 1182."""
_NAMES = 64
"""Inputs of a network."""
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
    rainbow: RainbowData,
    path: str | PathLike[str],
    *,
    reference: str = "auto",
    architecture: str | None = None,
    kwargs: dict[str, Any] | None = None,
) -> int:
    """Write a rainbow to a file.

    The file holds the laws, the parameters no law describes, the reference's neurons where a law does not keep them
    whole, and the network: as operations of torch.nn if it is made of those, and by the name of its factory if one is
    given. Of a canonical rainbow it holds a seed in place of neurons. It is written under another name and moved into
    place.

    Args:
        rainbow: What to write.
        path: Where.
        reference: `"seed"`: no neuron is kept, which a canonical rainbow allows; `"neurons"`: those of the reference,
            which the others need; `"auto"`: which of the two it is.
        architecture: ``"package.module:factory"`` or the name of a reference network, to build the same class again.
        kwargs: Arguments of the factory, JSON values.

    Returns:
        Size of the file in bytes.

    Raises:
        FileError: If it cannot be written; nothing is left behind.
        RainbowError: If `reference` is not what the rainbow has.
        UnsupportedOp: If the network is not made of torch.nn and no architecture is given.
        ArchitectureError: If the architecture cannot be built, or is another than the network's.
    """
    _check_arguments(path, architecture, kwargs)
    if reference not in REFERENCES:
        raise RainbowError(f"reference: expected one of {', '.join(map(repr, REFERENCES))}; got {reference!r}")
    if reference == "seed":
        seeded_laws(rainbow)
    if reference == "neurons" and is_seeded(rainbow):
        raise RainbowError("reference='neurons': those of a canonical rainbow are its seed's; take reference='seed'")
    if architecture is not None:
        _check_architecture(rainbow.network, architecture, kwargs or {})
    tensors, metadata = contents(
        rainbow, None if architecture is None else {"name": architecture, "kwargs": kwargs or {}}
    )
    return write_tensors(path, tensors, {"rainbownet": json.dumps(metadata, sort_keys=True)})


def size_of(rainbow: RainbowData) -> int:
    """Return the bytes of the file of a rainbow, without the name of a factory, without writing it."""
    tensors, metadata = contents(rainbow, {} if _unnamed(rainbow) else None)
    return len(serialised(tensors, {"rainbownet": json.dumps(metadata, sort_keys=True)}))


def _unnamed(rainbow: RainbowData) -> bool:
    """Whether a network is not made of torch.nn, so that a file needs the name of its factory."""
    try:
        to_program(rainbow.network.traced)
    except UnsupportedOp:
        return True
    return False


def contents(
    rainbow: RainbowData, architecture: dict[str, Any] | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the metadata of a file.

    Args:
        rainbow: What to write.
        architecture: Name and arguments of the network's factory.

    Raises:
        UnsupportedOp: If the network is not made of torch.nn and no architecture is given.
    """
    network = rainbow.network
    try:
        program = to_program(network.traced)
    except UnsupportedOp:
        if architecture is None:
            raise
        program = None
    example = described(network.example)
    metadata = {
        "library": "rainbownet",
        "architecture": architecture,
        "program": program,
        "head": network.head if isinstance(network.head, str) else list(network.head),
        "example": {"named": example} if isinstance(network.example, Named) else example,
        "output": network.output,
        "preset": rainbow.preset.to_dict(),
        "laws": {
            name: [{"name": b.name, "shape": list(b.shape)} for b in law.blocks] for name, law in rainbow.laws.items()
        },
        "networks": rainbow.networks,
        "provenance": rainbow.provenance,
    }
    if is_seeded(rainbow):
        return seeded_tensors(rainbow), deflated(metadata | {"format": SEEDED} | seeded_fields(rainbow))
    tensors: dict[str, Tensor] = {}
    for name, law in rainbow.laws.items():
        for key, value in law.tensors().items():
            tensors[f"law/{name}/{key}"] = value.to(_stored(value.dtype)).contiguous().cpu()
    rows = rainbow.rows()
    own = changed(rows, rainbow.laws)
    for name in own:
        tensors[f"rows/{name}"] = rows[name][0].to(torch.float32).contiguous().cpu()
    values = network.parameters
    for name in kept_parameters(network):
        tensors[f"kept/{name}"] = values[name].detach().contiguous().cpu().clone()
    return tensors, metadata | {"format": 2 if own else 1}


def _check_arguments(path: Any, architecture: Any, kwargs: Any) -> None:
    path_of("path", path)
    if architecture is not None and (not isinstance(architecture, str) or not architecture):
        raise ArchitectureError(f"architecture is {shown(architecture)}; 'package.module:factory' or a name is needed")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise ArchitectureError(f"kwargs is {shown(kwargs)}; a dictionary of arguments is needed")


def read(path: str | PathLike[str], *, network: nn.Module | None = None, trust: bool = False) -> RainbowData:
    """Read a rainbow; see `rainbownet.load`, which has its arguments and errors."""
    path = Path(path_of("path", path))
    metadata, tensors = _read(path)
    with _blamed(path):
        preset = Preset.from_dict(metadata["preset"])
        example = _example(path, metadata["example"])
        head = metadata["head"]
        if isinstance(head, list) and not all(isinstance(name, str) for name in head):
            raise FileError(f"{path}: not a complete rainbow file: its head is {head!r:.80}, no list of names")
        if metadata["networks"] < 1:
            raise FileError(f"{path}: not a complete rainbow file: it was fitted on {metadata['networks']} networks")
    if network is None:
        with _blamed(path):
            reference = _network(path, metadata, tensors, example, trust)
            laws = assemble(path, reference, metadata, tensors, preset)
    else:
        reference = Network(network, example, head=head, output=_output(path, metadata))
        try:
            laws = assemble(path, reference, metadata, tensors, preset)
        except MISFITS as error:
            if isinstance(error, RainbowError):
                raise
            raise _incomplete(path, error) from error
    return RainbowData(reference, laws, preset, metadata["networks"], metadata["provenance"])


def factory_needed(path: str | PathLike[str]) -> str | None:
    """Return the factory that must be trusted or replaced to read a file; None if it is read as it is.

    Raises:
        FileError: If the file is missing, damaged or not a rainbow.
    """
    metadata, _ = _read(Path(path))
    name = str((metadata["architecture"] or {}).get("name", ""))
    return name if metadata["program"] is None and ":" in name else None


def architecture_of(path: str | PathLike[str]) -> tuple[str, dict[str, Any]] | None:
    """Return the name of the factory that a file names, and its arguments; nothing if it names none."""
    known = _read(Path(path))[0]["architecture"]
    return None if known is None else (str(known["name"]), dict(known["kwargs"]))


@contextmanager
def _blamed(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the contents of a file into an error that names it."""
    try:
        yield
    except FileError:
        raise
    except RainbowError as error:
        text = str(error)
        raise FileError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    except MISFITS as error:
        raise _incomplete(path, error) from error


def _incomplete(path: Path, error: Exception) -> FileError:
    return FileError(f"{path}: not a complete rainbow file ({reason(error)})")


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
    fields = _FIELDS
    if metadata["format"] == SEEDED:
        metadata, fields = inflated(metadata, str(path)), _FIELDS | FIELDS
    return check_fields(metadata, fields, str(path), "rainbow file"), tensors


def _example(path: Path, described: Any) -> Batch:
    if isinstance(named := described.get("named"), dict) and named:
        if len(named) > _NAMES or not all(name.isidentifier() for name in named):
            raise FileError(f"{path}: not a complete rainbow file: its example is {described!r:.80}")
        return Named({name: _one_example(path, own) for name, own in named.items()})
    return _one_example(path, described)


def _one_example(path: Path, described: Any) -> Tensor:
    described = check_fields(described, {"shape": list, "dtype": str}, str(path), "rainbow file")
    shape, dtype = described["shape"], DTYPES.get(described["dtype"])
    if dtype is None or not all(type(size) is int and size > 0 for size in shape) or not shape:
        raise FileError(f"{path}: not a complete rainbow file: its example is {described!r:.80}")
    if math.prod(shape) > _INPUTS:
        raise FileError(f"{path}: too large: its example has {math.prod(shape)} numbers; at most {_INPUTS} are read")
    return torch.zeros(shape, dtype=dtype)


def _output(path: Path, metadata: dict[str, Any]) -> str | int | None:
    """Return which part of what the network returns is taken; older files do not say."""
    output = metadata.get("output")
    if not isinstance(output, str | int | None) or isinstance(output, bool):
        raise FileError(f"{path}: not a complete rainbow file: its output is {output!r:.80}")
    return output


def _fill_constants(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the buffers of a network their values, since what its channels mean can hang on them (orders, tables)."""
    for name, buffer in module.named_buffers():
        value = tensors.get(f"kept/{name}")
        if value is not None and value.shape == buffer.shape and value.dtype == buffer.dtype:
            buffer.copy_(value)


def _network(path: Path, metadata: dict[str, Any], tensors: dict[str, Tensor], example: Batch, trust: bool) -> Network:
    """Build the reference network from the file alone."""
    stored, head = sum(t.numel() for t in tensors.values()), metadata["head"]
    output = _output(path, metadata)
    if metadata["program"] is not None:
        module = from_program(metadata["program"], origin=str(path), example=example, stored=stored)
        _fill_constants(module, tensors)
        return Network(module, example, head=head)
    if metadata["architecture"] is None:
        raise FileError(f"{path}: not a complete rainbow file: it holds neither a network nor the name of one")
    from rainbownet.naming import resolve_network

    fields = {"name": str, "kwargs": dict}
    architecture = check_fields(metadata["architecture"], fields, str(path), "rainbow file")
    name, kwargs = architecture["name"], architecture["kwargs"]
    if ":" in name and not trust:
        raise FileError(
            f"{path}: its network is made by {name!r:.200}, code that a file may not run; load it with network=..., a "
            "module of that architecture, or with trust=True (--trust) if you trust who wrote the file"
        )
    if trust:
        try:
            return Network(resolve_network(name, kwargs), example, head=head, output=output)
        except ArchitectureError as error:
            raise FileError(f"{path}: its network cannot be built ({error}); pass network= to load") from error
    with metered(stored, str(path)):
        module = resolve_network(name, kwargs)
    with metered(stored + sum(p.numel() for p in module.parameters()), str(path)):
        return Network(module, example, head=head, output=output)


def _check_architecture(network: Network, architecture: str, kwargs: dict[str, Any]) -> None:
    """Raise unless a factory makes networks with the parameters of the reference."""
    from rainbownet.naming import resolve_network

    try:
        json.dumps(kwargs, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArchitectureError(f"kwargs: {kwargs!r:.200} cannot be written to a file ({error})") from error
    own, made = network.root.state_dict(), resolve_network(architecture, kwargs).state_dict()
    unused = isinstance(network.root, fx.GraphModule)  # it holds the parameters that its graph uses
    for key in sorted(set(own) if unused else set(own) | set(made)):
        shapes = [tuple(state[key].shape) if key in state else "absent" for state in (made, own)]
        if shapes[0] != shapes[1]:
            raise ArchitectureError(
                f"architecture: {architecture!r} does not make the network of this rainbow: its {key!r} is "
                f"{shapes[0]}, here {shapes[1]}; check kwargs={kwargs}"
            )


def _stored(dtype: torch.dtype) -> torch.dtype:
    """Laws are kept in float32: half the bytes, and more digits than the statistics have."""
    return torch.float32 if dtype is torch.float64 else dtype
