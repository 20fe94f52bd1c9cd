"""The options that verbs share, as annotated types."""

from pathlib import Path
from typing import Annotated

import typer

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
