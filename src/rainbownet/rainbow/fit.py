"""Fitting: from trained networks to the law of each population (R16, R17)."""

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from rainbownet.aligned.basis import read_through
from rainbownet.aligned.permute import matched_heads
from rainbownet.errors import ArchitectureError, RainbowError, RainbowWarning
from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch, described, run, tensors_of
from rainbownet.graph.private import fixed_parameters
from rainbownet.laws import FittedLaw, Gaussian, Law
from rainbownet.rainbow.data import Neurons, RainbowData, changed, kept_parameters, realise, rows_of, rows_of_laws
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.several import maps_from_reference
from rainbownet.walk import AlignmentImages


def fit_laws(
    modules: Sequence[nn.Module],
    images: AlignmentImages,
    preset: Preset,
    *,
    head: str | Sequence[str] = "auto",
    output: str | int | None = None,
    strict: bool = False,
    mean: bool = False,
) -> RainbowData:
    """Fit the law of the neurons of networks of one architecture; see `rainbownet.fit`.

    Args:
        modules: The trained networks.
        images: The images to align on.
        preset: How to fit.
        head: Which layers are aligned but not drawn.
        output: Which part of a dictionary or dataclass that networks return is taken.
        strict: Refuse a network of which something is kept trained for want of a rule, instead of a warning.
        mean: Whether to align to the mean of the aligned networks instead of to the first one.
    """
    networks = [Network(module, images.example, head=head, output=output, strict=strict) for module in modules]
    _warn_of_kept(networks[0], type(modules[0]).__name__)
    for i, network in enumerate(networks):
        networks[0].check_same(network, f"network {i}")
        _check_finite(network, f"network {i}")
    if not rows_of(networks[0], networks[0].parameters, preset):
        raise ArchitectureError(
            "nets: no neuron can be drawn: every layer writes the output, is a head, or is kept trained; a rainbow "
            "needs a hidden layer"
        )
    neurons, table = aligned_neurons(networks, images, preset, mean=mean)
    rainbow = _with_laws(networks[0], neurons, preset, images, table)
    if fixed := fixed_parameters(modules[0]):
        rainbow.provenance["fixed"] = fixed
    return rainbow


def aligned_neurons(
    networks: Sequence[Network],
    images: AlignmentImages,
    preset: Preset,
    *,
    mean: bool = False,
) -> tuple[list[Neurons], pd.DataFrame]:
    """Return the neurons of several networks in the channels of the first (R16), and how well these match.

    Heads of attention, which have laws of their own, are put in the order of the first network's that they match.

    Args:
        networks: Networks of the same shapes.
        images: The images to align on; not read for a single network.
        preset: Says whether norms are folded and what maps act on at a flatten.
        mean: Whether to align to the mean of the aligned networks.
    """
    if len(networks) > 1 and networks[0].heads:
        images.check_passes(2, "matching heads")
        networks = [networks[0], *(matched_heads(networks[0], network, images) for network in networks[1:])]
    values = [parameters_of(network, fold=preset.norms == "folded").values for network in networks]  # noqa: PD011
    alignment = pd.DataFrame()
    if len(networks) > 1:
        maps, alignment = maps_from_reference(networks, images, preset.flatten, mean=mean)
        values = [_moved(network, v, m, preset) for network, v, m in zip(networks, values, maps, strict=True)]
    kept = kept_parameters(networks[0])
    return [Neurons(rows_of(networks[0], v, preset), {name: v[name] for name in kept}) for v in values], alignment


def _with_laws(
    network: Network, neurons: Sequence[Neurons], preset: Preset, images: AlignmentImages, alignment: pd.DataFrame
) -> RainbowData:
    laws = {}
    for name, (first, blocks) in neurons[0].rows.items():
        rows = torch.cat([own.rows[name][0] for own in neurons])
        if not rows.any():
            warnings.warn(
                f"population {name!r}: every one of its {len(rows)} neurons is zero", RainbowWarning, stacklevel=4
            )
        laws[name] = _law_of(preset, name in network.summed).fit(rows, blocks, reference=len(first), name=name)
    kept = {name: _mean(name, [own.kept[name] for own in neurons], network) for name in neurons[0].kept}
    realise(network, neurons[0].rows, preset, kept)
    example = images.example
    provenance: dict[str, Any] = {
        "input": described(example, 1),
        "fingerprint": _fingerprint(example),
        **images.origin,
    }
    if cut := changed(neurons[0].rows, laws):
        change = change_of_outputs(network, laws, preset)
        provenance["law_change"] = change
        warnings.warn(
            f"law: {preset.law!r} does not keep all of the neurons of {len(cut)} of {len(laws)} populations; with what "
            f"it keeps of them alone the outputs on the example would change by {100 * change:.3g} %; the reference "
            "stays as trained",
            RainbowWarning,
            stacklevel=4,
        )
    return RainbowData(network, laws, preset, len(neurons), provenance, alignment)


def _fingerprint(example: Batch) -> str:
    parts = [value.cpu().contiguous().numpy().tobytes() for value in tensors_of(example)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def change_of_outputs(network: Network, laws: Mapping[str, FittedLaw], preset: Preset) -> float:
    r"""Return how far the outputs are from those that the neurons as laws keep them would give.

    Args:
        network: The reference.
        laws: Laws by population.
        preset: Says whether norms are folded.

    Returns:
        :math:`\|f' - f\| / \|f\|` on the example.
    """
    cut = network.like(network.example)
    realise(cut, rows_of_laws(laws), preset)
    with torch.no_grad():
        pairs = [tree_leaves(run(own.root, own.example)) for own in (network, cut)]
    square = [(b - a, a) for a, b in zip(*pairs, strict=True) if isinstance(a, Tensor)]
    gone, whole = (sum(part[k].abs().double().square().sum().item() for part in square) for k in (0, 1))
    return math.sqrt(gone / max(whole, torch.finfo(torch.float64).tiny))


def _law_of(preset: Preset, summed: bool) -> Law:
    """Return the law of a population: of neurons that are only summed over, the second moment is all that matters.

    Without a mean, orthogonal draws have the moment of the trained neurons exactly (theory, 10).
    """
    law = preset.law
    return replace(law, mean=False) if summed and preset.draw == "auto" and isinstance(law, Gaussian) else law


def _mean(name: str, values: list[Tensor], network: Network) -> Tensor:
    """The classifier is the mean of the aligned ones; statistics and constants are the first's."""
    if len(values) == 1 or network.is_statistic(name) or not (values[0].is_floating_point() or values[0].is_complex()):
        return values[0]
    return torch.stack(values).mean(0)


def _moved(network: Network, values: dict[str, Tensor], maps: dict[str, Tensor], preset: Preset) -> dict[str, Tensor]:
    """Express what a network reads in the reference's channels."""
    moved = dict(values)
    for reader in network.readers:
        if reader.parameter in maps:
            moved[reader.parameter] = read_through(
                values[reader.parameter], reader, maps[reader.parameter], preset.flatten
            )
    return moved


def _warn_of_kept(network: Network, name: str) -> None:
    if reasons := [kept.why for kept in network.kept_by]:
        more = f"; and {len(reasons) - 1} more, which `rainbownet info` lists" if len(reasons) > 1 else ""
        warnings.warn(
            f"network {name}: {100 * network.share_drawn:.1f} % of its parameters are drawn, the others are kept as "
            f"trained or aligned: {reasons[0]}{more}",
            RainbowWarning,
            stacklevel=4,
        )


def _check_finite(network: Network, name: str) -> None:
    constants = {key for key, _ in network.traced.named_buffers() if not network.is_statistic(key)}
    constants -= {key for population in network.populations if not population.frozen for key in population.slots}
    for key, value in network.parameters.items():
        if key in constants:
            continue  # a mask holds infinities
        if (value.is_floating_point() or value.is_complex()) and not torch.isfinite(value).all():
            bad = int((~torch.isfinite(value)).sum())
            raise RainbowError(f"{name}: parameter {key!r} holds {bad} NaN or infinite values of {value.numel()}")
