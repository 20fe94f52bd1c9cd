"""What the analyses share: networks from files of weights, aligned on images, and where plots go."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rainbownet.errors import ArchitectureError, RainbowError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rainbownet.analysis import Aligned, AlignedLayer
    from rainbownet.cli.images import ImageOptions

Spec = Annotated[str, typer.Argument(help="Name of a reference network, or package.module:factory.")]
Layers = Annotated[list[str] | None, typer.Option("--layer", help="A layer; all by default. May be repeated.")]
Flatten = Annotated[str, typer.Option(help="Rotations of channels or of features at a flatten.")]
Plot = Annotated[Path | None, typer.Option(help="Draw a PNG or PDF.", rich_help_panel="Output")]

FEW = 256
"""Images that a single network reads where only its weights are wanted."""


def networks_given(
    spec: str, weights: Sequence[Path] | None, kwargs: Sequence[str] | None, *, least: int = 1
) -> "list[nn.Module]":
    """Build a network for each file of weights.

    Args:
        spec: Name of a reference network, or a factory.
        weights: The files.
        kwargs: JSON arguments: once for all networks, or once for each.
        least: Files needed.

    Raises:
        ArchitectureError: If there are too few files, or a number of arguments that fits neither.
    """
    from rainbownet.cli.networks import build

    files, arguments = weights or [], list(kwargs or [])
    if len(files) < least:
        raise ArchitectureError(
            f"--weights is given {len(files)} times; {least} at least needed, each the state dict of a trained network"
        )
    if len(arguments) not in (0, 1, len(files)):
        raise ArchitectureError(
            f"--kwargs is given {len(arguments)} times for {len(files)} networks; once for all, or once for each"
        )
    each = arguments if len(arguments) > 1 else (arguments or [None]) * len(files)
    return [build(spec, own, file) for own, file in zip(each, files, strict=True)]


def aligned_on(
    nets: "Sequence[nn.Module]",
    source: "ImageOptions",
    split: str,
    *,
    images: int | None,
    device: str | None,
    flatten: str = "channels",
    **options: Any,
) -> "Aligned":
    """Align networks on images of a data set.

    Args:
        nets: The networks.
        source: The data set.
        split: The part to align on.
        images: How many of them.
        device: Where to compute.
        flatten: What rotations act on at a flatten.
        options: Other options of `align_networks`.

    Raises:
        RainbowError: Under torchrun, or for a flatten that is neither.
    """
    from rainbownet.analysis import align_networks
    from rainbownet.cli.images import Share
    from rainbownet.cli.processes import processes
    from rainbownet.cli.progress import progress

    if flatten not in ("channels", "features"):
        raise RainbowError(f"--flatten is {flatten!r}; it can be channels or features")
    with processes(device) as place:
        if place.world > 1:
            raise RainbowError("analyses run in one process; call rainbownet without torchrun")
        share = Share(source.load(split), device=place.device, number=images)
        number = None if images is None else len(share.order)
        with progress("aligning", "images") as report:
            return align_networks(nets, share, max_images=number, flatten=flatten, progress=report, **options)


def real_columns(layer: "AlignedLayer", networks: Sequence[int] | None = None) -> "Tensor":
    """Return rows of some networks; real and imaginary parts of complex weights are separate columns."""
    import torch

    rows = layer.stacked(networks)
    return torch.view_as_real(rows.resolve_conj()).flatten(1) if rows.is_complex() else rows


def check_outputs(json: Path | None, plot: Path | None) -> None:
    """Refuse files that cannot be written before the work is done.

    Raises:
        FileError: If a folder is missing or the name is that of one.
        RainbowError: If a plot has another ending than .png or .pdf.
        MissingExtra: If plots are asked for without matplotlib.
    """
    from rainbownet.cli.output import check_writable
    from rainbownet.extras import require

    check_writable(json, plot)
    if plot is not None:
        require("matplotlib.figure", extra="plot")
        if plot.suffix.lower() not in (".png", ".pdf"):
            raise RainbowError(f"{plot}: a figure ends in .png or .pdf")
