"""Fitting: from trained networks to the law of each population (R16, R17)."""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.aligned import Alignment
from rainbownet.aligned.basis import Flatten, read_through
from rainbownet.checks import modules
from rainbownet.errors import ArchitectureError, RainbowError, RainbowWarning
from rainbownet.graph import Network
from rainbownet.laws import Law
from rainbownet.rainbow.data import Neurons, kept_parameters, realise, rows_of
from rainbownet.rainbow.model import Rainbow
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.presets import BEST, Draw, Norms, Preset, Tie, preset_of
from rainbownet.rainbow.several import maps_from_reference
from rainbownet.walk import HOLDOUT, AlignmentImages


def fit(
    nets: nn.Module | Sequence[nn.Module],
    loader: Any,
    *,
    preset: Preset | str = BEST,
    law: Law | str | None = None,
    alignment: Alignment | str | None = None,
    draw: Draw | None = None,
    tie: Tie | None = None,
    flatten: Flatten | None = None,
    norms: Norms | None = None,
    head: str | Sequence[str] = "auto",
    strict: bool = False,
    reference: str = "first",
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
) -> Rainbow:
    """Fit the law of the neurons of one trained network, or of several of one architecture.

    One network needs no data but one batch, to see shapes. The neurons of several are brought to the first one's
    channels by rotations (R16), computed in one pass over the data, or in three when they are aligned to their mean.

    Args:
        nets: A trained module, or a sequence of modules with the same operations and shapes.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        preset: How to fit, and the defaults of sampling; `"best"` or `"paper"` as well.
        law: The law of the neurons, an object or such as `"gaussian:rank=32"`; this option and the next five are
            those of the preset by default.
        alignment: How samples' channels are mapped onto the reference's, an object or such as `"procrustes"`.
        draw: How laws are drawn.
        tie: Whether layers that write the same neurons draw them together.
        flatten: What maps act on at a flatten.
        norms: Whether batch norms are folded into the laws of the layers before them.
        head: Which layers are aligned but not drawn; `"auto"`: those that write the output.
        strict: Refuse a network of which something is kept trained for want of a rule, instead of a warning.
        reference: `"first"`: align to the first network; `"mean"`: to the mean of the aligned networks, aligned twice
            more (the first network remains the one whose channels are the basis).
        max_images: Images used to align several networks; all the loader yields by default.
        holdout: Share of them that is kept to measure the alignment, at most one half.
        budget: Bytes of activations held in memory, such as `"2GiB"`; what exceeds them goes to disk.
        device: Where to compute; that of the loader's images by default.

    Returns:
        The rainbow.

    Raises:
        ArchitectureError: If a network cannot be traced, differs in architecture from the first, or has no such head.
        UnsupportedOp: If an operation has no rule and `strict` is set.
        DataError: If the loader is empty or does not fit the network.
        LawError: If a law cannot be fitted.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
        >>> data = [torch.randn(800, 4, generator=generator)]
        >>> rainbow = fit(net, data)
        >>> {name: (len(law.neurons()), law.rank) for name, law in rainbow.laws.items()}
        {'0': (32, 5)}
        >>> rainbow.sample(data, width=2)
        Sequential(
          (0): Linear(in_features=4, out_features=64, bias=True)
          (1): ReLU()
          (2): Linear(in_features=64, out_features=3, bias=True)
        )
    """
    given = modules("nets", nets)
    if reference not in ("first", "mean"):
        raise RainbowError(f"reference: expected 'first' or 'mean', got {reference!r}")
    chosen = preset_of(preset).but(law=law, alignment=alignment, draw=draw, tie=tie, flatten=flatten, norms=norms)
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    networks = [Network(module, images.example, head=head, strict=strict) for module in given]
    _warn_of_kept(networks[0], type(given[0]).__name__)
    for i, network in enumerate(networks):
        networks[0].check_same(network, f"network {i}")
        _check_finite(network, f"network {i}")
    if not rows_of(networks[0], networks[0].parameters, chosen):
        raise ArchitectureError(
            "nets: no neuron can be drawn: every layer writes the output, is a head, or is kept trained; a rainbow "
            "needs a hidden layer"
        )
    neurons, table = aligned_neurons(networks, images, chosen, mean=reference == "mean")
    return _with_laws(networks[0], neurons, chosen, images, table)


def aligned_neurons(
    networks: Sequence[Network],
    images: AlignmentImages,
    preset: Preset,
    *,
    mean: bool = False,
) -> tuple[list[Neurons], pd.DataFrame]:
    """Return the neurons of several networks in the channels of the first (R16), and how well these match.

    Args:
        networks: Networks of the same shapes.
        images: The images to align on; not read for a single network.
        preset: Says whether norms are folded and what maps act on at a flatten.
        mean: Whether to align to the mean of the aligned networks.
    """
    values = [parameters_of(network, fold=preset.norms == "folded").values for network in networks]  # noqa: PD011
    alignment = pd.DataFrame()
    if len(networks) > 1:
        maps, alignment = maps_from_reference(networks, images, preset.flatten, mean=mean)
        values = [_moved(network, v, m, preset) for network, v, m in zip(networks, values, maps, strict=True)]
    kept = kept_parameters(networks[0])
    return [Neurons(rows_of(networks[0], v, preset), {name: v[name] for name in kept}) for v in values], alignment


def _with_laws(
    network: Network, neurons: Sequence[Neurons], preset: Preset, images: AlignmentImages, alignment: pd.DataFrame
) -> Rainbow:
    laws = {}
    for name, (first, blocks) in neurons[0].rows.items():
        rows = torch.cat([own.rows[name][0] for own in neurons])
        if not rows.any():
            warnings.warn(
                f"population {name!r}: every one of its {len(rows)} neurons is zero", RainbowWarning, stacklevel=3
            )
        laws[name] = preset.law.fit(rows, blocks, reference=len(first), name=name)
    kept = {name: _mean(name, [own.kept[name] for own in neurons], network) for name in neurons[0].kept}
    realise(network, laws, preset, kept)
    example = images.example
    provenance = {
        "input": {"shape": list(example.shape[1:]), "dtype": str(example.dtype)},
        "fingerprint": hashlib.sha256(example.cpu().contiguous().numpy().tobytes()).hexdigest()[:16],
        **images.origin,
    }
    return Rainbow(network, laws, preset, len(neurons), provenance, alignment)


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
    if kept := network.kept_by:
        more = f"; and {len(kept) - 1} more, which `rainbownet info` lists" if len(kept) > 1 else ""
        warnings.warn(
            f"network {name}: {100 * network.share_drawn:.1f} % of its parameters are drawn, the others are kept as "
            f"trained or aligned: {kept[0].why}{more}",
            RainbowWarning,
            stacklevel=3,
        )


def _check_finite(network: Network, name: str) -> None:
    for key, value in network.parameters.items():
        if (value.is_floating_point() or value.is_complex()) and not torch.isfinite(value).all():
            bad = int((~torch.isfinite(value)).sum())
            raise RainbowError(f"{name}: parameter {key!r} holds {bad} NaN or infinite values of {value.numel()}")
