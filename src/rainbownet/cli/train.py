"""The verb `train`: reference networks by recipe, one for each seed and width, resumably."""

from pathlib import Path
from typing import Annotated

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions


@options.with_images
def train(
    network: Annotated[str, typer.Argument(help="Name of a reference network, or package.module:factory.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder with a folder for each network.")],
    recipe: Annotated[str, typer.Option(help="Name of a recipe: digits, quick, paper, tutorial, …")] = "digits",
    epochs: Annotated[int | None, typer.Option(help="Epochs, instead of the recipe's.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds: 0,1,2 or 0:3.")] = "0",
    widths: Annotated[str | None, typer.Option(help="Factors on the widths: 0.5,1,2.")] = None,
    kwargs: Annotated[str | None, typer.Option("--kwargs", help="JSON arguments of the network.")] = None,
    cluster: Annotated[str | None, typer.Option(help="ray: train as tasks of a Ray cluster.")] = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: options.TestSplit = "test",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Train networks. Called again, the same command goes on where it was stopped."""
    settings = options.settings(locals())
    import os
    from dataclasses import replace

    from rainbownet.cli.networks import parse_json
    from rainbownet.cli.numbers import numbers, whole_numbers
    from rainbownet.cli.output import check_writable, console, print_table, write_json
    from rainbownet.ensemble import grid, train_ensemble
    from rainbownet.errors import DataError
    from rainbownet.training import RECIPES

    check_writable(json)
    if recipe not in RECIPES:
        raise DataError(f"--recipe is {recipe!r}; it can be {', '.join(RECIPES)}")
    chosen = RECIPES[recipe] if epochs is None else replace(RECIPES[recipe], epochs=epochs)
    chosen_seeds = whole_numbers("--seeds", seeds)
    if not chosen_seeds:
        raise DataError(f"--seeds is {seeds!r}, which holds none; such as 0,1,2 or 0:3 is needed")
    members = grid(
        network,
        recipe=chosen,
        seeds=chosen_seeds,
        widths=numbers("--widths", widths) if widths else (None,),
        kwargs=[parse_json("--kwargs", kwargs)],
        data=source.arguments(split),
        test=None if test_split == "none" else source.arguments(test_split),
    )
    first = os.environ.get("RANK", "0") == "0"
    ensemble = train_ensemble(out, members, cluster=cluster, device=device)
    if not first:
        return
    wanted = {member.name for member in members}
    table = ensemble.table.query("name in @wanted")
    print_table(table, f"Networks in {out}", percent=["accuracy", "test_accuracy"])
    for name in ensemble.names:
        if name in wanted:
            console().print(str(out / name / "model.safetensors"))
    write_json(json, "train", settings, {"networks": table})
