"""The verb `sample`: a new network of any width from a rainbow file, beside its controls."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions

if TYPE_CHECKING:
    import pandas as pd

    from rainbownet.rainbow import Rainbow, Sample

_DRAW = "Draw"


@options.with_images
def sample(
    rainbow: Annotated[Path, typer.Argument(help="A file written by fit.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The new weights, safetensors.")] = None,
    width: Annotated[
        str,
        typer.Option(
            help="A factor, layer1=4,layer3=8, or products: n/2 inside residual blocks.", rich_help_panel=_DRAW
        ),
    ] = "1",
    seed: options.Seed = 0,
    preset: Annotated[
        str | None,
        typer.Option(help="paper or best: how to draw and align; the law stays as fitted.", rich_help_panel=_DRAW),
    ] = None,
    draw: Annotated[
        str | None, typer.Option(help="auto, gaussian, orthogonal, antithetic or identity.", rich_help_panel=_DRAW)
    ] = None,
    alignment: Annotated[
        str | None,
        typer.Option(help="procrustes, least-squares, permutation or identity.", rich_help_panel=_DRAW),
    ] = None,
    ridge: Annotated[float | None, typer.Option(help="Ridge of least squares.", rich_help_panel=_DRAW)] = None,
    tie: Annotated[str | None, typer.Option(help="joint or independent.", rich_help_panel=_DRAW)] = None,
    flatten: Annotated[str | None, typer.Option(help="channels or features.", rich_help_panel=_DRAW)] = None,
    classifier: Annotated[str, typer.Option(help="aligned, ridge or logistic.", rich_help_panel=_DRAW)] = "aligned",
    layers: Annotated[
        list[str] | None, typer.Option(help="Draw only layers under this module.", rich_help_panel=_DRAW)
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Draw all layers up to this one, and keep the others.", rich_help_panel=_DRAW)
    ] = None,
    control: Annotated[bool, typer.Option(help="Draw the white control as well.")] = True,
    images: options.Images = None,
    holdout: options.Holdout = 0.1,
    budget: Annotated[str | None, typer.Option(help="Memory for activations, such as 2GiB.")] = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: options.TestSplit = "test",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Draw a new network, without training, and measure it beside the reference and the white control."""
    settings = options.settings(locals())
    from rainbownet.cli.images import Share
    from rainbownet.cli.laws import alignment_from, budget_from, width_from
    from rainbownet.cli.output import check_writable, write_json
    from rainbownet.cli.processes import processes
    from rainbownet.cli.progress import progress
    from rainbownet.rainbow import load

    check_writable(out, json)
    drawn: dict[str, Any] = {
        "seed": seed,
        "classifier": classifier,
        "holdout": holdout,
        "budget": budget_from(budget),
        **_drawing(
            preset, {"alignment": alignment_from(alignment, ridge), "draw": draw, "tie": tie, "flatten": flatten}
        ),
    }
    law = load(rainbow)
    drawn["width"] = law.product_widths() if width == "products" else width_from(width)
    drawn["layers"] = _layers(law, layers, until)
    test = None if test_split == "none" else source.load(test_split)
    with processes(device) as place:
        share = Share(source.load(split), device=place.device, number=images)
        drawn["max_images"] = len(share.order) if images is not None else None
        with progress("sampling", "layers", shown=place.first) as report:
            new = law.draw(share, progress=report, **drawn)
        white = None
        if control:
            with progress("white control", "layers", shown=place.first) as report:
                white = law.white().draw(share, progress=report, **drawn)
        if not place.first:
            return
    accuracies = _accuracies(law, new, white, test)
    copies = _copies(new)
    if out is not None:
        _write(out, new, settings)
    _print(rainbow, new, accuracies, copies, new.images, out)
    results = {
        "images": new.images,
        "accuracies": accuracies,
        "alignment": new.alignment,
        "control_alignment": None if white is None else white.alignment,
        "copy_scores": copies,
        "preset": new.preset.to_dict(),
        "networks": law.networks,
        "test": None if test is None else {"name": test.name, "split": test_split, "images": len(test)},
    }
    write_json(json, "sample", settings, results)


def _drawing(preset: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of drawing: those that were given, else those of a preset, else nothing."""
    from rainbownet.rainbow.presets import preset as preset_named

    if preset is None:
        return given
    named = preset_named(preset)
    return {key: getattr(named, key) if value is None else value for key, value in given.items()}


def _layers(law: "Rainbow", layers: list[str] | None, until: str | None) -> list[str] | None:
    from rainbownet.errors import ArchitectureError

    if until is None:
        return layers
    if layers:
        raise ArchitectureError("--layers and --until exclude each other; give one of them")
    drawn = [population for population in law.network.populations if not population.frozen]
    last = [k for k, population in enumerate(drawn) if population.starts_in(until)]
    if not last:
        raise ArchitectureError(f"--until: {until!r} matches no drawn layer; there are {[p.name for p in drawn]}")
    return [population.name for population in drawn[: last[-1] + 1]]


def _accuracies(law: "Rainbow", new: "Sample", white: "Sample | None", test: Any) -> "pd.DataFrame":
    import pandas as pd

    from rainbownet.training import evaluate

    nets = {"reference": law.reference, "sample": new.network}
    if white is not None:
        nets["white control"] = white.network
    rows = []
    for name, net in nets.items():
        parameters = sum(p.numel() for p in net.parameters())
        rows.append(
            {"network": name, "parameters": parameters} | ({} if test is None else evaluate(net, test)._asdict())
        )
    return pd.DataFrame(rows)


def _copies(new: "Sample") -> "pd.DataFrame":
    import pandas as pd

    rows = [{"population": name, "score": s.score, "baseline": s.baseline} for name, s in new.copy_scores().items()]
    return pd.DataFrame(rows, columns=["population", "score", "baseline"])


def _write(out: Path, new: "Sample", settings: dict[str, Any]) -> None:
    import json

    from rainbownet.files.tensors import write_tensors
    from rainbownet.record import plain

    metadata = {"rainbownet.sample": json.dumps(plain(settings), sort_keys=True)}
    write_tensors(out, new.network.state_dict(), metadata)


def _print(
    path: Path, new: "Sample", accuracies: "pd.DataFrame", copies: "pd.DataFrame", number: int, out: Path | None
) -> None:
    from rainbownet.cli.output import console, print_table

    print_table(accuracies, f"A network drawn from {path}", percent=["accuracy"])
    held = len(new.alignment) and new.alignment["held_out"].all()
    print_table(
        new.alignment.drop(columns="held_out"),
        f"Alignment on {number} images, measured on {'those held out' if held else 'the same images'}",
    )
    print_table(
        copies, "Copy score: largest |cosine| of a drawn neuron to a trained one", caption="baseline: Gaussian draws"
    )
    if out is not None:
        console().print(f"{out}: written")
