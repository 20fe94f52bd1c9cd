"""The verb `path`: is there a path of good networks between two trained ones?"""

from typing import Annotated

import typer

from rainbownet.cli import options
from rainbownet.cli.images import ImageOptions


@options.with_images
def path(
    network: Annotated[str, typer.Argument(help="Name of a reference network, or package.module:factory.")],
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    points: Annotated[int, typer.Option(help="Points on each path, both ends included.", min=2)] = 9,
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: options.TestSplit = "test",
    json: options.Json = None,
) -> None:
    """Walk from one trained network to another: as they are, permuted, rotated, and through sampled networks.

    Give --weights twice, once for each network.
    """
    settings = options.settings(locals())
    from rainbownet.cli.networks import build
    from rainbownet.cli.output import check_writable, print_table, write_json
    from rainbownet.cli.progress import progress
    from rainbownet.data import loader
    from rainbownet.errors import ArchitectureError
    from rainbownet.paths import barriers
    from rainbownet.paths import path as walk_path

    check_writable(json)
    files = weights or []
    if len(files) != 2:
        raise ArchitectureError(f"--weights is given {len(files)} times; path needs it twice, once for each network")
    arguments = (kwargs or [None])[0]
    a, b = (build(network, arguments, file) for file in files)
    aligned, tested = (loader(source.load(part), batch_size=256) for part in (split, test_split))
    with progress("walking", "points", shown=True) as report:
        table = walk_path(a, b, aligned, test=tested, points=points, max_images=images, progress=report)
    barrier = barriers(table)
    across = table.pivot_table(index="t", columns="kind", values="accuracy", sort=False).reset_index()
    print_table(across, "Test accuracy along the paths")
    print_table(barrier, "Barriers: the largest rise above the chord between the ends")
    write_json(json, "path", settings, {"points": table, "barriers": barrier})
