"""The verb `report`: a self-contained page about a rainbow or networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions

if TYPE_CHECKING:
    from torch import nn


@options.with_images
def report(
    what: Annotated[
        list[str],
        typer.Argument(metavar="FILE.rainbow|NETWORK...", help="Rainbow files, names, or package.module:factory."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page.")] = Path("report.html"),
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    preset: Annotated[str, typer.Option(help="How networks are fitted: paper or best; a file has its own.")] = "best",
    widths: Annotated[str, typer.Option(help="Widths of the samples; 'none' to draw none.")] = "1,2,4",
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    seed: options.Seed = 0,
    images: options.Images = None,
    holdout: options.Holdout = 0.1,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: options.TestSplit = "test",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Write one HTML page about your own networks: what was fitted, the layers, how alike they are, samples, warnings.

    Give a rainbow file, or a network with --weights, once for each trained network. A rainbow file alone can do without
    images: --data none.
    """
    settings = options.settings(locals())
    from rainbownet.cli.images import Share
    from rainbownet.cli.numbers import numbers
    from rainbownet.cli.output import check_writable, console, size_text, write_json
    from rainbownet.cli.processes import processes
    from rainbownet.cli.progress import progress
    from rainbownet.errors import RainbowError
    from rainbownet.rainbow.presets import preset as preset_named
    from rainbownet.report import write_report

    check_writable(out, json)
    subjects, names = _subjects(what, kwargs or [], weights or [])
    with processes(device) as place:
        if place.world > 1:
            raise RainbowError("report is written by one process; start it without torchrun")
        share = None if source.data == "none" else Share(source.load(split), device=place.device, number=images)
        test = None if source.data == "none" or test_split == "none" else source.load(test_split)
        with progress("reporting", "steps") as shown:
            found = write_report(
                subjects,
                out,
                share,
                test=test,
                widths=() if widths == "none" else numbers("--widths", widths),
                seed=seed,
                preset=preset_named(preset),
                names=names,
                title=title or "Rainbow report: " + ", ".join(dict.fromkeys(Path(name).name for name in what)),
                max_images=images,
                holdout=holdout,
                facts={"Data": f"{source.data}, aligned on {split!r}, classified on {test_split!r}"} if share else {},
                progress=shown,
            )
    for warning in found.warnings:
        console().print(f"• {warning}")
    console().print(f"{out}: {size_text(out.stat().st_size)}; open it in a browser")
    write_json(json, "report", settings, found.to_dict())


def _subjects(what: list[str], kwargs: list[str], weights: list[Path]) -> tuple[list[Any], list[str]]:
    """Return rainbows and networks, the rainbows first, and what to call them."""
    import rainbownet as rn

    files = [name for name in what if Path(name).suffix == ".rainbow"]
    specs = [name for name in what if name not in files]
    subjects: list[Any] = [rn.load(file) for file in files]
    names = [Path(file).stem for file in files]
    networks, origins = _networks(specs, kwargs, weights)
    subjects, names = [*subjects, *networks], [*names, *origins]
    unique = [name if names.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(names)]
    return subjects, unique


def _networks(specs: list[str], kwargs: list[str], weights: list[Path]) -> "tuple[list[nn.Module], list[str]]":
    from rainbownet.cli.networks import build, build_all
    from rainbownet.errors import ArchitectureError

    if not specs and weights:
        raise ArchitectureError("--weights needs the name of the network they belong to")
    if len(specs) <= 1:
        found = build_all(specs[0], kwargs, weights) if specs else []
    elif len(weights) != len(specs) or len(kwargs) not in (0, 1, len(specs)):
        raise ArchitectureError(
            f"--weights is given {len(weights)} times and --kwargs {len(kwargs)} times for {len(specs)} networks; give "
            "--weights once for each, --kwargs once or once for each"
        )
    else:
        each = kwargs if len(kwargs) == len(specs) else (kwargs or [None]) * len(specs)
        found = [build(*parts) for parts in zip(specs, each, weights, strict=True)]
    stems = [path.stem for path in weights]
    return found, [path.stem if stems.count(path.stem) == 1 else path.absolute().parent.name for path in weights]
