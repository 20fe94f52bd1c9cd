"""What a file holds of a rainbow whose reference is drawn from a seed: statistics, and the sums its neurons have."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rainbownet.checks import seed_of
from rainbownet.errors import FileError, LawError, RainbowError
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.graph import Network
from rainbownet.graph.measure import capacity
from rainbownet.laws import DRAWS, Block, FittedSeeded, Recipe
from rainbownet.laws.base import check_tensor
from rainbownet.laws.precision import PRECISIONS, Precision, check_precision, packed, rounded, unpacked
from rainbownet.rainbow.data import RainbowData, kept_parameters
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.unaligned import streams_of

SEEDED = 3
"""The format of such a file."""
_TEXT = 1 << 24
"""Characters of metadata at most, unpacked."""
_COEFFICIENTS, _COEFFICIENTS_EACH = 1 << 24, 64


def is_seeded(rainbow: RainbowData) -> bool:
    """Whether the reference of a rainbow is the draw of a seed."""
    return all(isinstance(law, FittedSeeded) for law in rainbow.laws.values())


def seeded_laws(rainbow: RainbowData) -> dict[str, FittedSeeded]:
    """Return the laws of a rainbow of a seed.

    Raises:
        RainbowError: If it is none.
    """
    laws = {name: law for name, law in rainbow.laws.items() if isinstance(law, FittedSeeded)}
    if len(laws) < len(rainbow.laws):
        raise RainbowError(
            "reference='seed' needs a rainbow whose reference is the draw of a seed: take canonical() first"
        )
    return laws


def kept_names(network: Network, preset: Preset) -> list[str]:
    """Return the parameters that such a file holds as they are: neither drawn nor what a folded norm has anyway."""
    fixed = parameters_of(network, fold=preset.norms == "folded").fixed
    return [name for name in kept_parameters(network) if name not in fixed]


def rounded_parameters(network: Network) -> list[str]:
    """Return the names of the parameters a file keeps with fewer bits: undrawn ones of two axes or more."""
    drawn = {name for p in network.populations if not p.frozen for name in p.slots}
    values = network.parameters
    return [
        name
        for name in kept_parameters(network)
        if name not in drawn and values[name].ndim > 1 and values[name].is_floating_point()
    ]


def rounded_parameter(value: Tensor, precision: Precision) -> Tensor:
    """Return a parameter as a file of a precision holds it, a row for each entry of its first axis."""
    return rounded(value.flatten(1).double(), [slice(None)], precision).reshape(value.shape).to(value)


def seeded_tensors(rainbow: RainbowData) -> dict[str, Tensor]:
    """Return the tensors of a file: for each law mean and factor and noise, and what no law describes."""
    laws = seeded_laws(rainbow)
    precision = next(iter(laws.values())).precision
    tensors = {
        f"law/{name}/{key}": value.to(torch.float32 if key == "deviation" else value.dtype).contiguous().cpu()
        for name, law in laws.items()
        for key, value in law.tensors().items()
    }
    values, fewer = rainbow.network.parameters, set(rounded_parameters(rainbow.network))
    for name in kept_names(rainbow.network, rainbow.preset):
        value = values[name].detach().cpu()
        if name not in fewer:
            tensors[f"kept/{name}"] = value.contiguous().clone()
            continue
        parts = packed(value.flatten(1).double(), [slice(None)], precision)
        tensors[f"kept/{name}"] = parts["values"].reshape(value.shape)
        if "scales" in parts:
            tensors[f"scales/{name}"] = parts["scales"]
    return tensors


def seeded_fields(rainbow: RainbowData) -> dict[str, Any]:
    """Return the fields of the metadata that say how the reference is drawn, and the sums of its neurons."""
    laws = seeded_laws(rainbow)
    first = next(iter(laws.values()))
    return {
        "seed": first.recipe.seed,
        "precision": first.precision,
        "draws": {name: law.recipe.draw for name, law in laws.items()},
        "sums": {name: checksum(law) for name, law in laws.items()},
    }


FIELDS = {"seed": int, "precision": str, "draws": dict, "sums": dict}


def checksum(law: FittedSeeded) -> int:
    """Return the CRC-32 of the neurons of the reference as 32-bit numbers."""
    return zlib.crc32(law.neurons().to(torch.float32).cpu().numpy().astype("<f4").tobytes())


def deflated(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as a file holds them: packed, but for the format; a network takes longer to say than its laws."""
    rest = {key: value for key, value in metadata.items() if key != "format"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    return {"format": metadata["format"], "packed": base64.b85encode(zlib.compress(text, 9)).decode()}


def inflated(metadata: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the metadata that `deflated` packed, of at most 16 million characters.

    Raises:
        FileError: If they are longer, or not that.
    """
    fields = check_fields(metadata, {"format": int, "packed": str}, origin, "rainbow file")
    machine = zlib.decompressobj()
    try:
        text = machine.decompress(base64.b85decode(fields["packed"]), _TEXT)
    except (ValueError, zlib.error) as error:
        raise FileError(f"{origin}: not a complete rainbow file (its metadata cannot be unpacked: {error})") from error
    if machine.unconsumed_tail or not machine.eof:
        raise FileError(f"{origin}: not a complete rainbow file (its metadata are cut short, or longer than {_TEXT})")
    inner = parse_json(text, origin)
    return check_fields(inner, {}, origin, "rainbow file") | {"format": fields["format"]}


def read_kept(path: Path, network: Network, preset: Preset, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters of a file that no law describes, in the precision of the network.

    Raises:
        FileError: If their scales do not fit.
    """
    values, fewer = network.parameters, set(rounded_parameters(network))
    kept = {key.removeprefix("kept/"): value for key, value in tensors.items() if key.startswith("kept/")}
    for name in fewer & set(kept):
        value = kept[name]
        if value.dtype == torch.int8 and value.ndim > 1:
            scales = tensors.get(f"scales/{name}")
            if scales is None or scales.shape != (len(value), 1) or not _finite(scales):
                raise FileError(f"{path}: the scales of parameter {name!r} are absent or damaged")
            value = unpacked({"values": value.flatten(1), "scales": scales}, [slice(None)]).reshape(value.shape)
        if value.is_floating_point():
            kept[name] = value.to(values[name].dtype)
    return kept


def read_law(
    path: Path,
    metadata: Mapping[str, Any],
    name: str,
    blocks: Sequence[Block],
    count: int,
    writers: Sequence[str],
    preset: Preset,
    parts: Mapping[str, Tensor],
    stored: int,
) -> FittedSeeded:
    """Return the law of a population and draw its neurons, which must have the sum they had.

    Args:
        path: The file, for messages.
        metadata: Its metadata.
        name: The population.
        blocks: What its rows are made of.
        count: Neurons in the network.
        writers: The parameters that write them.
        preset: Says whether layers are drawn together.
        parts: The tensors of the law.
        stored: Numbers in the file, which bound how many are drawn.

    Raises:
        FileError: If something does not fit, would take more memory than the file allows, or comes out otherwise.
        KeyError: If a tensor is missing.
    """
    about = f"{path}: the law of population {name!r} is damaged"
    draw, total = metadata["draws"].get(name), metadata["sums"].get(name)
    try:
        seed, precision = seed_of(metadata["seed"]), check_precision(metadata["precision"])
    except RainbowError as error:
        raise FileError(f"{path}: not a complete rainbow file ({error})") from error
    if not isinstance(draw, str) or draw not in DRAWS or type(total) is not int:
        raise FileError(f"{about} (it is drawn {draw!r:.80} and has the sum {total!r:.80})")
    sizes = {"D": sum(block.size for block in blocks)}
    try:
        for key, shape in FittedSeeded.shapes(tuple(blocks), parts).items():
            check_tensor(key, parts[key], shape, sizes)
    except LawError as error:
        raise FileError(f"{about} ({error})") from error
    rank = len(parts["values"]) - 1
    if parts["values"].dtype != PRECISIONS[precision] or ("scales" in parts) != (precision == "int8") or rank < 0:
        raise FileError(f"{about} (it has {rank + 1} rows of {parts['values'].dtype}, not of {precision})")
    if "deviation" in parts and (parts["deviation"] < 0).any():
        raise FileError(f"{about} (a deviation is negative)")
    if count * (rank + sizes["D"]) > max(capacity(stored), 1) or count * rank > max(
        _COEFFICIENTS, _COEFFICIENTS_EACH * stored
    ):
        raise FileError(f"{path}: too large: population {name!r} has {count} neurons of {rank} directions")
    streams = streams_of(blocks, writers, preset)
    law = FittedSeeded.of_file(blocks, parts, Recipe(seed, name, count, draw, streams), precision)
    if (found := checksum(law)) != total:
        raise FileError(f"{about} (its neurons have the sum {found}, not {total})")
    return law


def _finite(value: Tensor) -> bool:
    return value.is_floating_point() and bool(value.isfinite().all())
