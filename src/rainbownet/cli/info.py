"""The verb `info`: what a network or a rainbow is made of."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rainbownet.cli import options


def info(
    what: Annotated[
        str, typer.Argument(metavar="NETWORK|FILE.rainbow", help="A name, package.module:factory, or file.")
    ],
    kwargs: Annotated[str | None, typer.Option("--kwargs", help="JSON arguments of the network.")] = None,
    input_shape: Annotated[
        str | None, typer.Option(help="Shape of one input, such as 3,32,32; that of the data by default.")
    ] = None,
    head: Annotated[list[str] | None, typer.Option(help="Layers that are aligned, not drawn.")] = None,
    data: options.Data = "digits",
    grayscale: options.Grayscale = False,
    json: options.Json = None,
) -> None:
    """Show the populations of neurons of a network, or what a rainbow file holds."""
    from rainbownet.cli.output import check_writable, print_table, write_json

    check_writable(json)
    settings = {"what": what, "kwargs": kwargs, "input_shape": input_shape, "data": data, "head": head or "auto"}
    if Path(what).suffix == ".rainbow":
        results = _rainbow(Path(what))
    else:
        results = _network(what, kwargs, _example(input_shape, data, grayscale), head or "auto")
    print_table(
        results["populations"],
        "Populations of neurons",
        names={"numbers": "numbers each"},
        caption="a frozen one is aligned or fixed, never drawn",
    )
    write_json(json, "info", settings, results)


def _network(what: str, kwargs: str | None, example: Any, head: Any) -> dict[str, Any]:
    from rainbownet.cli.networks import build
    from rainbownet.cli.output import console, print_table, size_text
    from rainbownet.graph import Network
    from rainbownet.rainbow.describe import describe, heads, norms, weight_bytes

    network = Network(build(what, kwargs), example, head=head)
    table, size = norms(network, fold=True), weight_bytes(network)
    found = heads(network)
    console().print(
        f"[bold]{what}[/bold]: inputs {tuple(example.shape[1:])}, weights {size_text(size)}, head {', '.join(found)}"
    )
    if len(table):
        print_table(table, "Batch norms", caption="a folded one becomes part of the law of the layer before it")
    return {
        "network": what,
        "input_shape": list(example.shape[1:]),
        "weight_bytes": size,
        "head": found,
        "norms": table,
        "populations": describe(network),
    }


def _rainbow(path: Path) -> dict[str, Any]:
    import rainbownet as rn
    from rainbownet.cli.output import console, print_table, size_text
    from rainbownet.rainbow.describe import describe, describe_rainbow, heads, norms, weight_bytes

    rainbow = rn.load(path)
    size, weights = path.stat().st_size, weight_bytes(rainbow.network)
    preset = rainbow.preset.to_dict()
    laws = describe_rainbow(rainbow)
    found = heads(rainbow.network)
    shown = ", ".join(f"{key} {value['name'] if isinstance(value, dict) else value}" for key, value in preset.items())
    console().print(
        f"[bold]{path}[/bold]: {size_text(size)} for {size_text(weights)} of weights, "
        f"fitted on {rainbow.networks} network{'s' if rainbow.networks > 1 else ''}\n{shown}\n"
        f"inputs {rainbow.provenance.get('input', {}).get('shape')}, "
        f"data {rainbow.provenance.get('fingerprint')}, head {', '.join(found)}"
    )
    print_table(laws, "Laws", names={"numbers": "numbers each"})
    return {
        "file": str(path),
        "bytes": size,
        "weight_bytes": weights,
        "networks": rainbow.networks,
        "preset": preset,
        "provenance": rainbow.provenance,
        "head": found,
        "laws": laws,
        "norms": norms(rainbow.network, fold=rainbow.preset.norms == "folded"),
        "populations": describe(rainbow.network),
    }


def _example(shape: str | None, data: str, grayscale: bool) -> Any:
    import torch

    from rainbownet.cli.images import ImageOptions
    from rainbownet.errors import DataError

    if shape is None:
        images = ImageOptions(data, grayscale=grayscale).load("train")
        return images.normalise(images.inputs[:2])
    try:
        sizes = [int(part) for part in shape.split(",")]
        return torch.zeros(2, *sizes)
    except (ValueError, RuntimeError) as error:
        raise DataError(f"--input-shape is {shape!r}; whole numbers with commas between are needed: 3,32,32") from error
