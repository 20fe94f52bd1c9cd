"""Verbs of `analyze` that look at rows of weights: Gaussianity, bulk of the spectrum, training dynamics."""

from typing import TYPE_CHECKING, Annotated

import typer

from rainbownet.cli import aligning, options
from rainbownet.cli.images import ImageOptions

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

SHOWN = (1, 2, 3, 10, 30, 100, 300, 1000)
"""Ranks that are printed; the file of results has all."""


@options.with_images
def gaussianity(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    directions: Annotated[str | None, typer.Option(help="Ranks from 1, 2,11,101; twelve of them by default.")] = None,
    centred: Annotated[bool, typer.Option(help="Take out the mean of the rows.")] = False,
    dependence: Annotated[bool, typer.Option(help="Test whether neurons depend on each other, too.")] = False,
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
    """Are weights Gaussian? Tests of whitened rows, direction by direction.

    Rows of several networks are put together after alignment.
    """
    settings = options.settings(locals())
    import warnings

    import pandas as pd
    import torch

    from rainbownet import analysis
    from rainbownet.cli.numbers import whole_numbers
    from rainbownet.cli.output import print_table, write_json
    from rainbownet.errors import RainbowError, RainbowWarning

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs)
    chosen = whole_numbers("--directions", directions) if directions else None
    images = aligning.FEW if images is None and len(nets) == 1 else images
    aligned = aligning.aligned_on(nets, source, split, images=images, device=device, flatten=flatten, layers=layers)
    tables: dict[str, list[pd.DataFrame]] = {"gaussianity": [], "quantiles": [], "dependence": []}
    for layer in aligned:
        rows = aligning.real_columns(layer)
        try:
            table = analysis.gaussianity(rows, directions=chosen, centred=centred, seed=seed)
            quantiles = analysis.qq_table(rows, directions=chosen, centred=centred)
        except RainbowError as error:
            warnings.warn(f"layer {layer.name!r} is left out: {error}", RainbowWarning, stacklevel=1)
            continue
        tables["gaussianity"].append(_named(table, layer.name))
        tables["quantiles"].append(_named(quantiles, layer.name))
        if dependence and len(rows) <= rows.shape[1]:
            warnings.warn(
                f"layer {layer.name!r}, dependence is left out: {len(rows)} rows of {rows.shape[1]} columns are "
                "orthogonal once whitened; give more networks",
                RainbowWarning,
                stacklevel=1,
            )
        elif dependence:
            labels = torch.cat([torch.full((len(own),), k) for k, own in enumerate(layer.rows)])
            found = analysis.neuron_dependence(rows, labels if len(nets) > 1 else None, seed=seed)
            tables["dependence"].append(_named(found, layer.name))
    if not tables["gaussianity"]:
        raise RainbowError("no layer could be tested")
    results = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}
    print_table(
        results["gaussianity"],
        "Whitened weights against N(0, 1)",
        caption="p: Kolmogorov–Smirnov, as published; p corrected: with the variance estimated",
    )
    if "dependence" in results:
        print_table(results["dependence"], "Do neurons depend on each other? Against shuffles")
    if plot is not None:
        from rainbownet.plotting.analyses import draw_quantiles

        draw_quantiles(results["quantiles"], plot)
    write_json(json, "analyze gaussianity", settings, {"networks": len(nets), **results})


@options.with_images
def bulk(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    variance: Annotated[str, typer.Option(help="Of the bulk: mean, as published; bulk, robust; or a number.")] = "mean",
    index: Annotated[int, typer.Option(help="Number of the network that is looked at.", min=0)] = 0,
    layers: aligning.Layers = None,
    flatten: aligning.Flatten = "channels",
    images: options.Images = None,
    source: ImageOptions = options.BUILT_IN,
    split: options.Split = "train",
    device: options.Device = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """The spectrum of weights against the Marchenko–Pastur law.

    With several networks also that of one of them whitened by the covariance of all, after alignment, in layers of
    which all together have more rows than columns.
    """
    settings = options.settings(locals())
    import warnings

    import pandas as pd

    from rainbownet.analysis import marchenko_pastur
    from rainbownet.cli.numbers import numbers
    from rainbownet.cli.output import print_table, write_json
    from rainbownet.errors import RainbowError, RainbowWarning
    from rainbownet.laws.factor import thin_factor

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs)
    if index >= len(nets):
        raise RainbowError(f"--index is {index}; the networks are numbered from 0 to {len(nets) - 1}")
    unit = variance if variance in ("mean", "bulk") else numbers("--variance", variance)[0]
    images = aligning.FEW if images is None and len(nets) == 1 else images
    aligned = aligning.aligned_on(nets, source, split, images=images, device=device, flatten=flatten, layers=layers)
    found = {}
    for layer in aligned:
        own = aligning.real_columns(layer, [index])
        found[layer.name] = [marchenko_pastur(own, variance=unit)]
        pooled = aligning.real_columns(layer)
        if len(nets) > 1 and len(pooled) > pooled.shape[1]:
            found[layer.name].append(marchenko_pastur(own, thin_factor(pooled)[1], variance=unit))
        elif len(nets) > 1:
            warnings.warn(
                f"layer {layer.name!r} is not whitened: {len(pooled)} rows of {pooled.shape[1]} columns make every "
                "whitened eigenvalue the same; give more networks",
                RainbowWarning,
                stacklevel=1,
            )
    table = pd.DataFrame([{"layer": name} | bulk.as_row() for name, bulks in found.items() for bulk in bulks])
    print_table(
        table,
        f"Weights of network {index} against Marchenko–Pastur",
        percent=["inside", "outside"],
        caption="inside: between the edges; spikes: larger than white rows of this size have with probability 99 %",
    )
    if plot is not None:
        from rainbownet.plotting.analyses import draw_bulks

        draw_bulks(found, plot)
    eigenvalues = {name: [bulk.eigenvalues.tolist() for bulk in bulks] for name, bulks in found.items()}
    write_json(json, "analyze bulk", settings, {"bulks": table, "eigenvalues": eigenvalues})


def dynamics(
    network: aligning.Spec,
    weights: options.Weights = None,
    kwargs: options.Kwargs = None,
    epochs: Annotated[str | None, typer.Option(help="Epoch of each file, 0,1,5,20; 0, 1, 2, … by default.")] = None,
    layers: aligning.Layers = None,
    plot: aligning.Plot = None,
    json: options.Json = None,
) -> None:
    """How weights grew and turned in training, along the principal axes they end with.

    Give --weights once for each checkpoint of one network, in order; the first is before training.
    """
    settings = options.settings(locals())
    import pandas as pd

    from rainbownet.analysis import training_dynamics
    from rainbownet.cli.numbers import numbers
    from rainbownet.cli.output import print_table, write_json

    aligning.check_outputs(json, plot)
    nets = aligning.networks_given(network, weights, kwargs, least=2)
    times = numbers("--epochs", epochs) if epochs else None
    names = layers or _layers(nets[0])
    table = pd.concat([_named(training_dynamics(nets, name, epochs=times), name) for name in names], ignore_index=True)
    last = table.loc[(table["epoch"] == table["epoch"].iloc[-1]) & table["rank"].isin(SHOWN)]
    print_table(
        last,
        "Amplification and cosine along the final principal axes, first to last",
        percent=["share"],
        caption="cosine 1: amplified only; 0: drawn anew. Published: amplifications up to 6, cosines of 0.7 to 0.9",
    )
    if plot is not None:
        from rainbownet.plotting.analyses import draw_dynamics

        draw_dynamics(table, plot)
    write_json(json, "analyze dynamics", settings, {"dynamics": table})


def _layers(network: "nn.Module") -> list[str]:
    """Return the parameters that have rows: of two or more axes."""
    return [name for name, value in network.named_parameters() if value.ndim > 1]


def _named(table: "pd.DataFrame", layer: str) -> "pd.DataFrame":
    """Return a table whose first column names a layer."""
    named = table.copy()
    named.insert(0, "layer", layer)
    return named
