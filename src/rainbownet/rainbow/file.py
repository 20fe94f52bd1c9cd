"""Rainbows on disk: one safetensors file with JSON metadata, written atomically, read without unpickling."""

import json
import math
from collections.abc import Iterator
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
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch, Named, described
from rainbownet.graph.measure import MISFITS, metered
from rainbownet.graph.program import to_program
from rainbownet.graph.rebuild import from_program
from rainbownet.graph.vocabulary import DTYPES
from rainbownet.laws import Block, FittedLaw
from rainbownet.rainbow.data import RainbowData, Rows, changed, kept_parameters, realise, rows_of, rows_of_laws
from rainbownet.rainbow.presets import Preset

FORMAT = 2
"""A file without neurons of its own, where the laws keep the reference's, is of format 1 and read by every version."""
_INPUTS = 1 << 23
"""Numbers in an example: two colour images of 1182 × 1182."""
_NAMES = 64
"""Inputs of a network."""
_PRODUCT = 1 << 24
_PARTS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)
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
    architecture: str | None = None,
    kwargs: dict[str, Any] | None = None,
) -> int:
    """Write a rainbow to a file.

    The file holds the laws, the parameters no law describes, the reference's neurons where a law does not keep them
    whole, and the network: as operations of torch.nn if it is made of those, and by the name of its factory if one is
    given. It is written under another name and moved into place.

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
        ArchitectureError: If the architecture cannot be built, or is another than the network's.
    """
    _check_arguments(path, architecture, kwargs)
    network = rainbow.network
    if architecture is not None:
        _check_architecture(network, architecture, kwargs or {})
    tensors: dict[str, Tensor] = {}
    laws = {}
    for name, law in rainbow.laws.items():
        for key, value in law.tensors().items():
            tensors[f"law/{name}/{key}"] = value.to(_stored(value.dtype)).contiguous().cpu()
        laws[name] = [{"name": b.name, "shape": list(b.shape)} for b in law.blocks]
    rows = rainbow.rows()
    own = changed(rows, rainbow.laws)
    for name in own:
        tensors[f"rows/{name}"] = rows[name][0].to(torch.float32).contiguous().cpu()
    values = network.parameters
    for name in kept_parameters(network):
        tensors[f"kept/{name}"] = values[name].detach().contiguous().cpu().clone()
    try:
        program = to_program(network.traced)
    except UnsupportedOp:
        if architecture is None:
            raise
        program = None
    example = described(network.example)
    metadata = {
        "format": FORMAT if own else 1,
        "library": "rainbownet",
        "architecture": None if architecture is None else {"name": architecture, "kwargs": kwargs or {}},
        "program": program,
        "head": network.head if isinstance(network.head, str) else list(network.head),
        "example": {"named": example} if isinstance(network.example, Named) else example,
        "output": network.output,
        "preset": rainbow.preset.to_dict(),
        "laws": laws,
        "networks": rainbow.networks,
        "provenance": rainbow.provenance,
    }
    return write_tensors(path, tensors, {"rainbownet": json.dumps(metadata, sort_keys=True)})


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
            laws = _assemble(path, reference, metadata, tensors, preset)
    else:
        reference = Network(network, example, head=head, output=_output(path, metadata))
        try:
            laws = _assemble(path, reference, metadata, tensors, preset)
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
    return check_fields(metadata, _FIELDS, str(path), "rainbow file"), tensors


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


def _network(path: Path, metadata: dict[str, Any], tensors: dict[str, Tensor], example: Batch, trust: bool) -> Network:
    """Build the reference network from the file alone."""
    stored, head = sum(t.numel() for t in tensors.values()), metadata["head"]
    output = _output(path, metadata)
    if metadata["program"] is not None:
        module = from_program(metadata["program"], origin=str(path), example=example, stored=stored)
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


def _assemble(
    path: Path, reference: Network, metadata: dict[str, Any], tensors: dict[str, Tensor], preset: Preset
) -> dict[str, FittedLaw]:
    """Put what the file keeps into the network, and return the laws."""
    kept = {k.removeprefix("kept/"): v for k, v in tensors.items() if k.startswith("kept/")}
    _check_kept(path, reference, kept)
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
    expected = rows_of(network, network.parameters, preset)
    if odd := set(described) ^ set(expected):
        raise ArchitectureError(
            f"{path}: the network does not have the populations of the file; they differ in {sorted(odd)[:5]}"
        )
    laws = {}
    for name, (rows, blocks) in expected.items():
        own = [_block(path, name, block) for block in described[name]]
        if own != list(blocks):
            raise ArchitectureError(f"{path}: population {name!r} is made of {own}, in the network of {list(blocks)}")
        prefix = f"law/{name}/"
        parts = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        _check_parts(path, name, parts, rows)
        try:
            laws[name] = FittedLaw.from_tensors(preset.law, own, parts)
            shape = laws[name].neurons().shape
        except MISFITS as error:
            raise FileError(f"{path}: the law of population {name!r} is damaged ({reason(error)})") from error
        if shape != rows.shape:
            raise ArchitectureError(
                f"{path}: population {name!r} has {shape[0]} neurons of {shape[1]} numbers, in the network {len(rows)} "
                f"of {rows.shape[1]}"
            )
    return laws


def _block(path: Path, population: str, described: Any) -> Block:
    described = check_fields(described, {"name": str, "shape": list}, str(path), f"law of population {population!r}")
    return Block(described["name"], tuple(described["shape"]))


def _check_parts(path: Path, name: str, parts: dict[str, Tensor], rows: Tensor) -> None:
    """Raise unless the tensors of a law are finite numbers, whose products are not far larger than they are."""
    for key, value in parts.items():
        if value.dtype not in _PARTS:
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


def _stored(dtype: torch.dtype) -> torch.dtype:
    """Laws are kept in float32: half the bytes, and more digits than the statistics have."""
    return torch.float32 if dtype is torch.float64 else dtype
