"""The verb `limit`: the infinite-width network of a rainbow file, and how samples approach it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from rainbownet.data import Images

_LIMIT = "Limit"
_SAMPLES = "Samples beside it"


@options.with_images
def limit(
    rainbow: Annotated[Path, typer.Argument(help="A file written by fit.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The limit network, safetensors.")] = None,
    landmarks: Annotated[int, typer.Option(help="Landmarks of each layer.", min=1, rich_help_panel=_LIMIT)] = 1024,
    method: Annotated[
        str, typer.Option(help="How they are chosen: rpcholesky, cholesky, kmeans++ or random.", rich_help_panel=_LIMIT)
    ] = "rpcholesky",
    alignment: Annotated[
        str | None, typer.Option(help="procrustes or least-squares; as fitted by default.", rich_help_panel=_LIMIT)
    ] = None,
    ridge: Annotated[float | None, typer.Option(help="Ridge of least squares.", rich_help_panel=_LIMIT)] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(help="Only layers under this module go to the limit.", rich_help_panel=_LIMIT),
    ] = None,
    control: Annotated[
        bool, typer.Option(help="Compute the limit of white weights as well.", rich_help_panel=_LIMIT)
    ] = True,
    seed: options.Seed = 0,
    images: options.Images = None,
    holdout: options.Holdout = 0.1,
    budget: Annotated[str | None, typer.Option(help="Memory for activations, such as 2GiB.")] = None,
    widths: Annotated[
        str | None,
        typer.Option(help="Factors, 1,2,4,8: measure how far samples are from the limit.", rich_help_panel=_SAMPLES),
    ] = None,
    draws: Annotated[int, typer.Option(help="Samples of each width.", min=1, rich_help_panel=_SAMPLES)] = 3,
    pairs: Annotated[
        int, typer.Option(help="Test images whose kernels are compared.", min=2, rich_help_panel=_SAMPLES)
    ] = 300,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the distances into this PNG or PDF.", rich_help_panel=_SAMPLES)
    ] = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: options.TestSplit = "test",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Compute the network that samples tend to as their width grows, beside its white control."""
    settings = options.settings(locals())
    from rainbownet.cli.images import Share
    from rainbownet.cli.laws import alignment_from, budget_from
    from rainbownet.cli.numbers import numbers
    from rainbownet.cli.output import check_writable, console, print_table, size_text, write_json
    from rainbownet.cli.processes import processes
    from rainbownet.cli.progress import progress
    from rainbownet.errors import RainbowError
    from rainbownet.rainbow import load

    check_writable(out, plot, json)
    factors = None if widths is None else numbers("--widths", widths)
    if plot is not None and not factors:
        raise RainbowError("--plot draws distances of samples; give their --widths as well, such as 1,2,4,8")
    law = load(rainbow)
    test = None if test_split == "none" else source.load(test_split)
    if factors and test is None:
        raise RainbowError("--widths compares samples with the limit on test images; give a --test-split")
    chosen = alignment_from(alignment, ridge) or law.preset.alignment
    aligned: dict[str, Any] = {"alignment": chosen, "holdout": holdout, "budget": budget_from(budget)}
    with processes(device) as place:
        if place.world > 1:
            raise RainbowError("a limit is computed in one process; call rainbownet without torchrun")
        share = Share(source.load(split), device=place.device, number=images)
        aligned["max_images"] = len(share.order) if images is not None else None
        built: dict[str, Any] = {"landmarks": landmarks, "method": method, "layers": layers, "seed": seed, **aligned}
        with progress("limit", "stages") as report:
            found = law.limit(share, progress=report, **built)
        nets: dict[str, nn.Module] = {"trained": law.reference, "limit": found}
        if control:
            with progress("white control", "stages") as report:
                nets["limit of white weights"] = law.white().limit(share, progress=report, **built)
        accuracies = _accuracies(nets, test)
        print_table(accuracies, f"The infinite-width network of {rainbow}", percent=["accuracy"])
        print_table(found.table.drop(columns="held_out"), f"Layers, on {found.provenance['images']} images")
        results = {"accuracies": accuracies, "layers": found.table, "provenance": found.provenance}
        if factors:
            assert test is not None
            drawn = {"layers": layers, **aligned}
            with progress("samples", "networks") as report:
                results |= _distances(law, found, share, test, place.device, factors, draws, pairs, drawn, report)
    if plot is not None:
        from rainbownet.plotting.distances import draw_distances

        draw_distances(results["distances"], results["rates"], plot)
        console().print(f"{plot}: written")
    if out is not None:
        console().print(f"{out}: written, {size_text(found.save(out))}")
    write_json(json, "limit", settings, results)


def _accuracies(nets: "dict[str, nn.Module]", test: "Images | None") -> "pd.DataFrame":
    import pandas as pd

    from rainbownet.training import evaluate

    rows = [{"network": name} | ({} if test is None else evaluate(net, test)._asdict()) for name, net in nets.items()]
    return pd.DataFrame(rows)


def _distances(
    law: Any,
    found: Any,
    share: Any,
    test: "Images",
    device: str,
    widths: list[float],
    draws: int,
    pairs: int,
    drawn: dict[str, Any],
    report: Any,
) -> dict[str, Any]:
    from rainbownet.cli.output import print_table
    from rainbownet.limit import convergence_rates, limit_distances

    test = test.some(len(test))
    inputs, targets = test.normalise(test.inputs.to(device)), test.targets.to(device)
    distances = limit_distances(
        law,
        found,
        share,
        inputs,
        widths=widths,
        seeds=range(draws),
        pairs=pairs,
        judge=lambda out: (out.argmax(1) == targets).double().mean().item(),
        progress=report,
        **drawn,
    ).rename(columns={"value": "accuracy"})
    rates = convergence_rates(distances, found, inputs[:pairs])
    across = distances.pivot_table(index="width", columns="layer", values="distance", sort=False)
    across["accuracy"] = distances.groupby("width", sort=False)["accuracy"].mean()
    print_table(
        across.reset_index(), f"Distance of samples to the limit on {len(test)} test images", percent=["accuracy"]
    )
    print_table(
        rates,
        "Slopes in the width",
        caption="bound: proved by Theorem 2 of Guth et al. (2024); expected: by its authors; decay: of the spectrum",
    )
    return {"distances": distances, "rates": rates}
