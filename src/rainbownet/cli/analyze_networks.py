"""Verbs of `analyze` that look at networks: spectra, clipping, convergence with width, similarity of groups."""

from pathlib import Path
from typing import Annotated

import typer

from rainbownet.cli import aligning, options
from rainbownet.cli.images import ImageOptions


@options.with_images
def spectra(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    initial: Annotated[
        list[Path] | None, typer.Option(help="Weights before training, once for each of --weights.")
    ] = None,
    ranks: Annotated[str | None, typer.Option(help="Ranks that laws of decay are fitted to, 2:50.")] = None,
    layers: aligning.Layers = None,
    flatten: aligning.Flatten = "channels",
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """Spectra of what layers read and of their weights, with the laws of their decay.

    Rows of several networks are put together after alignment.
    """
    settings = options.settings(locals())
    from rainbownet.analysis import activation_spectra, decay_fits, weight_spectra
    from rainbownet.cli.output import print_table, write_json

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs)
    before = aligning.networks_given(network, initial, kwargs, least=len(nets)) if initial else []
    span = _span(ranks)
    aligned = aligning.aligned_on(nets, source, split, images=images, device=device, flatten=flatten, layers=layers)
    activations = activation_spectra(aligned)
    rows = weight_spectra(aligned, initial=before)
    fits = {"activations": decay_fits(activations, span), "weights": decay_fits(rows, span)}
    caption = "power: exponent of the rank; exponential: decay per rank; evidence above 10: the power law is clear"
    print_table(fits["activations"], "Second moments of what layers read", caption=caption)
    print_table(fits["weights"], "Covariances of weights", caption=caption)
    if plot is not None:
        from rainbownet.plotting.analyses import draw_spectra

        draw_spectra(activations, rows, plot)
    results = {"images": aligned.images, "activations": activations, "weights": rows, "fits": fits}
    write_json(json, "analyze spectra", settings, results)


@options.with_images
def clipping(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    steps: Annotated[int, typer.Option(help="Steps from rank 0 to the dimension.", min=1)] = 50,
    points: Annotated[float, typer.Option(help="Points of accuracy that may be lost.", min=0.0)] = 1.0,
    together: Annotated[bool, typer.Option(help="Clip all layers at once.")] = False,
    axis: Annotated[str, typer.Option(help="Directions of channels or of whole rows.")] = "channels",
    basis: Annotated[list[str] | None, typer.Option(help="weights, activations or random; all by default.")] = None,
    layers: aligning.Layers = None,
    seed: options.Seed = 0,
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    test_split: Annotated[str, typer.Option("--test-split", help="The part to classify.")] = "test",
    device: options.Device = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """How many directions of what layers read are enough: accuracy against rank in three bases.

    With --weights given several times the bases are those of all these networks; the first one is clipped.
    """
    settings = options.settings(locals())
    from rainbownet.analysis import BASES, clipping_curve, informative_rank
    from rainbownet.cli.output import print_table, write_json
    from rainbownet.cli.progress import progress
    from rainbownet.data import loader

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs)
    aligned = aligning.aligned_on(nets, source, split, images=images, device=device, layers=layers)
    test = loader(source.load(test_split), batch_size=512)
    with progress("clipping", "networks") as report:
        curve = clipping_curve(
            nets[0],
            [],
            test,
            bases=basis or BASES,
            ranks=steps,
            together=together,
            axis=axis,
            aligned=aligned,
            seed=seed,
            progress=report,
        )
    found = informative_rank(curve, points=points)
    print_table(
        found,
        f"Smallest ranks that lose {points:g} points of accuracy at most",
        percent=["accuracy", "full", "explained"],
        caption="explained: share of the weights' energy that is left there; full: accuracy without clipping",
    )
    if plot is not None:
        from rainbownet.plotting.analyses import draw_clipping

        draw_clipping(curve, plot)
    write_json(json, "analyze clipping", settings, {"images": aligned.images, "curve": curve, "ranks": found})


@options.with_images
def convergence(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    widths: Annotated[str | None, typer.Option(help="Width of each network: 0.5,1,2.")] = None,
    layers: aligning.Layers = None,
    flatten: aligning.Flatten = "channels",
    images: options.Images = None,
    holdout: options.Holdout = 0.1,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """Do activations and covariances of weights converge as networks widen? All against the widest.

    Errors are relative: mean squares of aligned activations, operator norms of covariances; slopes are in logarithms.
    Give --weights and --kwargs once for each network, and --widths in the same order.
    """
    settings = options.settings(locals())
    from rainbownet.analysis import activation_convergence, covariance_convergence, width_slopes
    from rainbownet.cli.numbers import numbers
    from rainbownet.cli.output import print_table, write_json
    from rainbownet.errors import RainbowError

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs, least=2)
    factors = numbers("--widths", widths or "")
    if len(factors) != len(nets) or len(set(factors)) < 2:
        raise RainbowError(f"--widths is {widths!r}; a width for each of {len(nets)} networks is needed, two different")
    aligned = aligning.aligned_on(
        nets,
        source,
        split,
        images=images,
        device=device,
        flatten=flatten,
        layers=layers,
        holdout=holdout,
        reference=factors.index(max(factors)),
    )
    tables = {
        "activations": activation_convergence(aligned, factors),
        "covariances": covariance_convergence(aligned, factors),
    }
    titles = {
        "activations": "Activations: error by width",
        "covariances": "Covariances: error by width",
    }
    slopes = {}
    for name, table in tables.items():
        across = table.pivot_table(index="layer", columns="width", values="error", sort=False)
        if table["width"].nunique() > 1:
            slopes[name] = width_slopes(table)
            across["slope"] = slopes[name].set_index("layer")["slope"]
        print_table(across.reset_index(), titles[name])
    if plot is not None:
        from rainbownet.plotting.analyses import draw_convergence

        draw_convergence(tables["activations"], tables["covariances"], plot)
    write_json(json, "analyze convergence", settings, {"images": aligned.images, **tables, "slopes": slopes})


@options.with_images
def similarity(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    groups: Annotated[str | None, typer.Option(help="Group of each network, a,a,b; each its own by default.")] = None,
    initial: Annotated[
        list[Path] | None, typer.Option(help="Weights before training, whose variance is the bulk's.")
    ] = None,
    draws: Annotated[int, typer.Option(help="Random rotations and ceilings to average over.", min=1)] = 5,
    layers: aligning.Layers = None,
    flatten: aligning.Flatten = "channels",
    seed: options.Seed = 0,
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """Did groups of networks learn the same? The learned parts of their covariances, between chance and ceiling."""
    settings = options.settings(locals())
    from rainbownet.analysis import eigenvector_cosines, group_similarity, initial_variances
    from rainbownet.cli.output import print_table, write_json

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs, least=2)
    before = aligning.networks_given(network, initial, kwargs) if initial else []
    names = groups.split(",") if groups else [str(k) for k in range(len(nets))]
    aligned = aligning.aligned_on(nets, source, split, images=images, device=device, flatten=flatten, layers=layers)
    variance = initial_variances(aligned, before) if before else None
    table = group_similarity(aligned, names, variance=variance, draws=draws, seed=seed)
    cosines = eigenvector_cosines(aligned, names)
    print_table(
        table.drop(columns=["rows_a", "rows_b"]),
        "What groups of networks learned, compared",
        caption="similarity: 1 for draws of one law, 0 as after a random rotation, – where nothing was learned",
    )
    if plot is not None:
        from rainbownet.plotting.analyses import draw_similarity

        draw_similarity(table, plot)
    results = {"images": aligned.images, "similarity": table, "eigenvectors": cosines, "alignment": aligned.table()}
    write_json(json, "analyze similarity", settings, results)


def _span(text: str | None) -> tuple[int, int] | None:
    from rainbownet.cli.numbers import whole_numbers
    from rainbownet.errors import RainbowError

    if text is None:
        return None
    ends = whole_numbers("--ranks", text.replace(":", ","))
    if len(ends) != 2:
        raise RainbowError(f"--ranks is {text!r}; a first and a last rank are needed: 2:50")
    return ends[0], ends[1]
