"""The verb `reproduce`: published figures, made again from networks trained here."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from cyclopts import Parameter

from rainbownet.cli.verb import Device, Out, Output, Verb


@dataclass(frozen=True, kw_only=True)
class Reproduce(Verb):
    """Train what is missing, compute a published figure, and put our numbers beside the published ones.

    Networks that are trained, and with all the figures in --out that the same scale and version made, are not made
    again: the same command goes on where it was stopped. `networks` instead of a figure trains the scattering networks
    that figures share, the narrowest first, and computes nothing.

    Attributes:
        figure: A figure, all, or networks; without, figures are listed, or the page made.
        scale: How much is trained: tiny takes minutes on two cores.
        runs: Folder where trained networks are kept.
        out: Folder of pictures and numbers.
        data: Data set of the figure imagenet: a folder in the Hugging Face layout, or a name on the hub.
        checkpoint: For that figure, a trained network whose spectra are said beside: torchvision:resnet18, or any name.
        data_root: Folder with cifar10 and cifar100; from the Hugging Face hub without.
        page: Write a Markdown page of all figures in --out.
        also: Folder of figures at another scale, for the page as well. May be repeated.
        redraw: Only draw again what was computed.
        share: With networks, which of how many processes at once this is, such as 1/2.
    """

    verb: ClassVar[str] = "reproduce"

    figure: str = field(default="", kw_only=False)
    scale: Literal["tiny", "short", "small", "gpu", "paper"] = "tiny"
    runs: Path = Path("runs/reproduce")
    out: Out[Path] = Path("reproduction")
    data: str | None = None
    checkpoint: str | None = None
    data_root: Annotated[Path | None, Parameter(env_var="RAINBOWNET_DATA")] = None
    page: Output[Path | None] = None
    also: Output[tuple[Path, ...]] = ()
    redraw: Annotated[bool, Parameter(negative=())] = False
    share: str = "1/1"
    device: Device = None

    files: ClassVar[tuple[str, ...]] = ("json", "page")

    def run(self) -> None:
        """List figures, or make them and the page."""
        import pandas as pd

        from rainbownet.cli.output import print_table, say
        from rainbownet.errors import RainbowError
        from rainbownet.experiments import FIGURES
        from rainbownet.experiments.context import Context
        from rainbownet.experiments.family import train_family
        from rainbownet.experiments.page import claims_table, counts, page
        from rainbownet.experiments.reproduce import made, redraw, reproduce, tables_of
        from rainbownet.experiments.scales import scale_named
        from rainbownet.files.write import write_text
        from rainbownet.processes import leave

        if not self.figure and self.page is None:
            rows = [{"figure": f.name, "shows": f.title, "published in": f.source} for f in FIGURES.values()]
            print_table(pd.DataFrame(rows), "Figures")
            return
        if self.figure not in ("", *FIGURES, "all", "networks"):
            known = ", ".join(FIGURES)
            raise RainbowError(f"figure: {self.figure!r} is unknown; there are {known}, all, and networks")
        if self.share != "1/1" and self.figure != "networks":
            raise RainbowError(f"share: {self.share!r} is for networks alone; a figure is made in one process")
        everything = [name for name, figure in FIGURES.items() if figure.prepare is None]
        chosen = everything if self.figure == "all" else [self.figure] if self.figure in FIGURES else []
        scale, report = scale_named(self.scale), say if os.environ.get("RANK", "0") == "0" else None
        context = Context(
            scale,
            self.runs,
            data=self.data_root,
            device=self.device,
            report=report,
            large=self.data,
            checkpoint=self.checkpoint,
        )
        if self.figure == "networks":
            say(f"{len(train_family(context, share=self.share))} networks: {self.runs / 'networks'}")
        contents = []
        for name in chosen:
            figure = FIGURES[name]
            if self.redraw:
                redraw(figure, self.out)
                say(f"{self.out / name}.png, .pdf: drawn again")
                continue
            if figure.prepare is not None:
                figure.prepare(context)
                if not leave():
                    return
            known = made(figure, context, self.out) if self.figure == "all" else None
            contents.append(reproduce(figure, context, self.out) if known is None else known)
            how = f"{contents[-1]['seconds']:.0f} s" if known is None else "as it was made before"
            say(f"{name}: {how}, {self.out / name}.json, .png, .pdf")
        if contents:
            judged = [
                (content["figure"], claim)
                for content in contents
                for claim in FIGURES[content["figure"]].claims(tables_of(content))
            ]
            print_table(claims_table(judged), "Claims")
            say(counts(claim for _, claim in judged))
            self.write({"figures": contents})
        if self.page is not None:
            near = self.page.absolute().parent
            seen = {f: Path(os.path.relpath(f.absolute(), near)).as_posix() for f in (self.out, *self.also)}
            others = {seen[folder]: folder for folder in self.also}
            write_text(self.page, page(self.out, FIGURES, pictures=seen[self.out], also=others))
            say(f"{self.page}: written")
