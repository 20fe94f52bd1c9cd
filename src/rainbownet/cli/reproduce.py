"""The verb `reproduce`: published figures, made again from networks trained here."""

from pathlib import Path
from typing import Annotated

import typer

from rainbownet.cli import options


def reproduce(
    figure: Annotated[str, typer.Argument(help="A figure, or all; without, they are listed, or the page made.")] = "",
    scale: Annotated[str, typer.Option(help="tiny (minutes on two cores), short, small or paper.")] = "tiny",
    runs: Annotated[Path, typer.Option(help="Folder where trained networks are kept.")] = Path("runs/reproduce"),
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of pictures and numbers.")] = Path("reproduction"),
    data_root: Annotated[
        Path | None,
        typer.Option(
            envvar="RAINBOWNET_DATA", help="Folder with cifar10 and cifar100; from the Hugging Face hub without."
        ),
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write a Markdown page of all figures in --out.")] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="Folder of figures at another scale, for the page as well; repeat.")
    ] = None,
    redraw: Annotated[bool, typer.Option(help="Only draw again what was computed.")] = False,
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Train what is missing, compute a published figure, and put our numbers beside the published ones."""
    settings = options.settings(locals())
    import os

    import pandas as pd

    from rainbownet.cli.output import check_writable, console, print_table, write_json
    from rainbownet.errors import RainbowError
    from rainbownet.experiments import FIGURES
    from rainbownet.experiments.context import Context
    from rainbownet.experiments.reproduce import claims_table
    from rainbownet.experiments.reproduce import page as page_of
    from rainbownet.experiments.reproduce import redraw as draw_again
    from rainbownet.experiments.reproduce import reproduce as make
    from rainbownet.experiments.scales import scale_named
    from rainbownet.files.write import write_text

    check_writable(json, page)
    if not figure and page is None:
        rows = [{"figure": f.name, "shows": f.title, "published in": f.source} for f in FIGURES.values()]
        print_table(pd.DataFrame(rows), "Figures")
        return
    if figure not in ("", *FIGURES, "all"):
        raise RainbowError(f"figure: {figure!r} is unknown; there are {', '.join(FIGURES)}, and all")
    chosen = list(FIGURES) if figure == "all" else [figure] if figure else []
    say = console().print
    context = Context(scale_named(scale), runs, data=data_root, device=device, report=say)
    contents = []
    for name in chosen:
        if redraw:
            draw_again(FIGURES[name], out)
            say(f"{out / name}.png, .pdf: drawn again")
            continue
        contents.append(make(FIGURES[name], context, out))
        say(f"{name}: {contents[-1]['seconds']:.0f} s, {out / name}.json, .png, .pdf")
    if contents:
        print_table(claims_table(contents), "Claims")
        write_json(json, "reproduce", settings, {"figures": contents})
    if page is not None:
        near = page.absolute().parent
        seen = {folder: Path(os.path.relpath(folder.absolute(), near)).as_posix() for folder in (out, *(also or []))}
        others = {seen[folder]: folder for folder in also or []}
        write_text(page, page_of(out, FIGURES, pictures=seen[out], also=others))
        say(f"{page}: written")
