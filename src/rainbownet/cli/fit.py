"""The verb `fit`: from trained weights to a rainbow file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions

_LAW = "Law"


@options.with_images
def fit(
    network: Annotated[str, typer.Argument(help="Name of a reference network, or package.module:factory.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The rainbow file.")],
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    preset: Annotated[str, typer.Option(help="paper or best.", rich_help_panel=_LAW)] = "best",
    law: Annotated[
        str | None, typer.Option(help="gaussian, smoothed, mixture, kronecker or white.", rich_help_panel=_LAW)
    ] = None,
    rank: Annotated[
        str | None, typer.Option(help="Directions kept, or the share of the energy they hold.", rich_help_panel=_LAW)
    ] = None,
    mean: Annotated[
        bool | None, typer.Option("--law-mean/--no-law-mean", help="A law with a mean.", rich_help_panel=_LAW)
    ] = None,
    shrinkage: Annotated[str | None, typer.Option(help="none or spiked.", rich_help_panel=_LAW)] = None,
    bulk: Annotated[
        bool | None, typer.Option("--bulk/--no-bulk", help="Draw the noise as well.", rich_help_panel=_LAW)
    ] = None,
    bandwidth: Annotated[
        float | None,
        typer.Option("--bandwidth", help="Of the smoothed law: 0 copies, 1 Gaussian.", rich_help_panel=_LAW),
    ] = None,
    components: Annotated[
        int | None, typer.Option("-k", "--components", help="Of the mixture.", rich_help_panel=_LAW)
    ] = None,
    norms: Annotated[str | None, typer.Option(help="folded or explicit.", rich_help_panel=_LAW)] = None,
    flatten: Annotated[
        str | None, typer.Option(help="Alignment on channels or features at a flatten.", rich_help_panel=_LAW)
    ] = None,
    reference: Annotated[str, typer.Option(help="Align several networks to the first or to their mean.")] = "first",
    head: Annotated[list[str] | None, typer.Option(help="Layers that are aligned, not drawn.")] = None,
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Fit the law of the neurons of one trained network, or of several of one architecture."""
    settings = options.settings(locals())
    from rainbownet.cli.images import Share
    from rainbownet.cli.laws import law_from, rank_from
    from rainbownet.cli.networks import build_all, parse_json
    from rainbownet.cli.output import check_writable, print_table, size_text, write_json
    from rainbownet.cli.processes import processes
    from rainbownet.rainbow.presets import preset as preset_named

    check_writable(out, json)
    chosen = preset_named(preset)
    given = {
        "rank": rank_from(rank),
        "mean": mean,
        "shrinkage": shrinkage,
        "bulk": bulk,
        "h": bandwidth,
        "k": components,
    }
    fitted_law = law_from(law, chosen.law, given)
    nets = build_all(network, kwargs or [], weights or [])
    with processes(device) as place:
        import rainbownet as rn

        share = Share(source.load(split), device=place.device, number=images)
        rainbow = rn.fit(
            nets,
            share,
            preset=chosen,
            law=fitted_law,
            head=head or "auto",
            reference=reference,
            max_images=len(share.order) if images is not None else None,
            norms=norms,
            flatten=flatten,
        )
        if not place.first:
            return
    from rainbownet.cli.output import console
    from rainbownet.rainbow.describe import describe_rainbow, weight_bytes

    arguments = parse_json("--kwargs", kwargs[0] if kwargs else None)
    written = rainbow.save(out, architecture=network, kwargs=arguments)
    laws, size_of_weights = describe_rainbow(rainbow), weight_bytes(rainbow.network)
    print_table(laws, f"Laws of {network}", names={"numbers": "numbers each"})
    console().print(f"{out}: {size_text(written)}, for {size_text(size_of_weights)} of weights of each network")
    results: dict[str, Any] = {
        "laws": laws,
        "bytes": written,
        "weight_bytes": size_of_weights,
        "networks": rainbow.networks,
        "preset": rainbow.preset.to_dict(),
        "provenance": rainbow.provenance,
    }
    write_json(json, "fit", settings, results)
