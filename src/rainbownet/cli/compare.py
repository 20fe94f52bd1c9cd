"""The verb `compare`: did two networks learn the same?"""

from typing import TYPE_CHECKING, Annotated

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions

if TYPE_CHECKING:
    import pandas as pd


@options.with_images
def compare(
    network: Annotated[str, typer.Argument(help="Name of a reference network, or package.module:factory.")],
    other: Annotated[str | None, typer.Argument(help="The second network; the same as the first by default.")] = None,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    images: options.Images = None,
    holdout: options.Holdout = 0.1,
    flatten: Annotated[str, typer.Option(help="Rotations of channels or of features at a flatten.")] = "channels",
    seed: options.Seed = 0,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    json: options.Json = None,
) -> None:
    """Compare two networks layer by layer, up to a rotation of their channels.

    Give --weights twice, once for each network, and --kwargs once for both or twice.
    """
    settings = options.settings(locals())
    from rainbownet.aligned.compare import compare as compare_networks
    from rainbownet.cli.images import Share
    from rainbownet.cli.networks import build
    from rainbownet.cli.output import check_writable, write_json
    from rainbownet.cli.processes import processes
    from rainbownet.cli.progress import progress
    from rainbownet.errors import ArchitectureError, RainbowError

    check_writable(json)
    if flatten not in ("channels", "features"):
        raise RainbowError(f"--flatten is {flatten!r}; it can be channels or features")
    files, arguments = weights or [], kwargs or [None]
    if len(files) != 2:
        raise ArchitectureError(f"--weights is given {len(files)} times; compare needs it twice, once for each network")
    if len(arguments) > 2:
        raise ArchitectureError(f"--kwargs is given {len(arguments)} times; once for both networks, or twice")
    a, b = build(network, arguments[0], files[0]), build(other or network, arguments[-1], files[1])
    with processes(device) as place:
        share = Share(source.load(split), device=place.device, number=images)
        number = len(share.order) if images is not None else None
        with progress("comparing", "images", shown=place.first) as report:
            table = compare_networks(
                a, b, share, max_images=number, holdout=holdout, seed=seed, flatten=flatten, progress=report
            )
        if not place.first:
            return
    print_comparison(table, f"{files[0]} and {files[1]}")
    write_json(json, "compare", settings, {"images": len(share.order), "layers": table})


def print_comparison(table: "pd.DataFrame", what: str, *, number: str = "") -> None:
    """Print what `rainbownet.compare` returned, activations above weights, `number` before the title."""
    from rainbownet.cli.output import print_table

    layers = ["layer", "channels_a", "channels_b"]
    activations = ["rows", "held_rows", "similarity", "held_similarity", "error", "held_error"]
    print_table(
        table.filter([*layers, *activations]),
        f"{number}Activations of {what}, after a rotation",
        caption="held: on images the rotation was not fitted to; similarity 1 and error 0 for rotated copies",
    )
    weights = ["weights", "weights_aligned", "weights_random", "rank_a", "rank_b"]
    print_table(
        table.filter(["layer", *weights]),
        "Covariances of their weights: cosines and effective ranks",
        names={"weights": "as they are", "weights_aligned": "aligned", "weights_random": "rotated at random"},
    )
