"""The options that verbs share, as annotated types, and those of images as a block."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rainbownet.cli.images import ImageOptions

_DATA = "Images"
_OUT = "Output"

Data = Annotated[
    str,
    typer.Option("--data", help="digits, a Hugging Face data set by name, or a local folder.", rich_help_panel=_DATA),
]
Config = Annotated[str | None, typer.Option("--config", help="Configuration of a hub data set.", rich_help_panel=_DATA)]
Split = Annotated[str, typer.Option("--split", help="The part to align on.", rich_help_panel=_DATA)]
TestSplit = Annotated[
    str, typer.Option("--test-split", help="The part to classify; 'none' to skip it.", rich_help_panel=_DATA)
]
InputsColumn = Annotated[str | None, typer.Option(help="Column of the images.", rich_help_panel=_DATA)]
TargetsColumn = Annotated[str | None, typer.Option(help="Column of the classes.", rich_help_panel=_DATA)]
Mean = Annotated[
    str | None,
    typer.Option("--mean", help="Means per channel, 0.5,0.5,0.5, for pixels in [0, 1].", rich_help_panel=_DATA),
]
Std = Annotated[str | None, typer.Option("--std", help="Deviations per channel.", rich_help_panel=_DATA)]
Grayscale = Annotated[bool, typer.Option("--grayscale", help="Turn colours into grey.", rich_help_panel=_DATA)]
Size = Annotated[int | None, typer.Option(help="Side of a centre crop, such as 224.", rich_help_panel=_DATA)]
Limit = Annotated[
    int | None, typer.Option(help="Keep so many images of each split, chosen at random.", rich_help_panel=_DATA)
]
Images = Annotated[
    int | None, typer.Option("--images", help="Images to align on; enough for the width by default.", min=1)
]
Holdout = Annotated[float, typer.Option(help="Share of them kept to measure the alignment.", min=0.0, max=0.5)]
Device = Annotated[str | None, typer.Option(help="Where to compute; the first GPU, or else the CPU.")]
Kwargs = Annotated[list[str] | None, typer.Option("--kwargs", help="JSON arguments of the network.")]
Weights = Annotated[
    list[Path] | None, typer.Option("--weights", help="State dict: safetensors, or torch.save of tensors only.")
]
Json = Annotated[
    Path | None, typer.Option("--json", help="Write settings and numbers to this file.", rich_help_panel=_OUT)
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
BUILT_IN = ImageOptions()
"""The data set that needs no download."""


def _image_options(
    data: Data = "digits",
    config: Config = None,
    inputs_column: InputsColumn = None,
    targets_column: TargetsColumn = None,
    data_mean: Mean = None,
    data_std: Std = None,
    grayscale: Grayscale = False,
    size: Size = None,
    limit: Limit = None,
) -> ImageOptions:
    return ImageOptions(data, config, inputs_column, targets_column, data_mean, data_std, grayscale, size, limit)


def with_images(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of images in place of its parameter `source`, an `ImageOptions`."""
    shared = inspect.signature(_image_options).parameters
    listed = list(inspect.signature(verb).parameters.values())
    place = [parameter.name for parameter in listed].index("source")
    listed[place : place + 1] = shared.values()

    @functools.wraps(verb)
    def wrapped(**given: Any) -> None:
        images = {name: given.pop(name) for name in shared}
        verb(source=_image_options(**images), **given)

    setattr(wrapped, "__signature__", inspect.Signature(listed))  # noqa: B010
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
    return wrapped


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a verb that were given, for its JSON file; those of images among them."""
    flat: dict[str, Any] = {}
    for key, value in given.items():
        flat |= asdict(value) if is_dataclass(value) and not isinstance(value, type) else {key: value}
    return {key: value for key, value in flat.items() if value is not None}
