"""The verb `analyze`: what its analyses share, and the list of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from cyclopts import Parameter

from rainbownet.cli.choices import Flatten
from rainbownet.cli.images import Source
from rainbownet.cli.networks import OnNetworks, build_all
from rainbownet.cli.verb import Computing, Device, Images, Output

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from rainbownet.analysis import Aligned

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """A table that is printed.

    Attributes:
        view: From the results to the table.
        title: Its title, with options of the verb in braces.
        percent: Columns that are shares.
        caption: A line below.
        keys: How many columns name a row.
    """

    view: Callable[[Results], "pd.DataFrame"]
    title: str
    percent: tuple[str, ...] = ()
    caption: str | None = None
    keys: int = 1


@dataclass(frozen=True, kw_only=True)
class Analysis(OnNetworks):
    """An analysis of trained networks: options are its fields, `compute` its work, the rest a table.

    Attributes:
        layers: A layer; all by default. May be repeated.
        plot: Draw a PNG or PDF.
    """

    shown: ClassVar[tuple[Shown, ...]]
    picture: ClassVar[tuple[str, Callable[[Results], tuple[Any, ...]]]]
    least: ClassVar[int] = 1

    layers: Annotated[tuple[str, ...], Parameter(name="--layer")] = ()
    plot: Output[Path | None] = None

    def run(self) -> None:
        """Build the networks, analyse them, print, draw and write."""
        from rainbownet.cli.output import print_table

        nets = build_all(
            [self.network], self.kwargs, self.weights, counts=(self.least, None), pretrained=self.pretrained
        )
        results = self.compute(nets)
        for shown in self.shown:
            table = shown.view(results)
            if len(table):
                title = shown.title.format(**self.settings())
                print_table(table, title, percent=shown.percent, caption=shown.caption, keys=shown.keys)
        if self.plot is not None:
            from rainbownet.plotting import analyses

            name, arguments = self.picture
            getattr(analyses, name)(*arguments(results), self.plot)
        self.write({key: value for key, value in results.items() if not key.startswith("_")})

    def compute(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Return the results; those whose names begin with a line are printed or drawn, not written."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class OnImages(Analysis):
    """An analysis of networks that are aligned on images.

    Attributes:
        images: Images to align on; enough for the width by default.
        flatten: Rotations of channels or of features at a flatten.
    """

    images: Images = None
    flatten: Computing[Flatten] = "channels"
    device: Device = None
    source: Source = field(default_factory=Source)

    def compute(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Align the networks, say on what, and analyse them."""
        from rainbownet.analysis import align_networks
        from rainbownet.cli.output import say
        from rainbownet.errors import RainbowError
        from rainbownet.processes import processes
        from rainbownet.progress import progress

        options = self.aligning(nets)
        source = self.source.settled(self.trained_with(nets))
        with processes(self.device) as place:
            if place.world > 1:
                raise RainbowError("analyses run in one process; call rainbownet without torchrun")
            batches = source.batches(device=place.device, number=self.images)
            with progress("aligning", "images") as report:
                aligned = align_networks(
                    nets,
                    batches,
                    layers=list(self.layers) or None,
                    max_images=options.pop("images", self.images),
                    flatten=self.flatten,
                    progress=report,
                    **options,
                )
        say(source.said(batches.images))
        normalisation = batches.images.normalisation
        return {"images": aligned.images, "normalisation": normalisation, **self.analyse(nets, aligned)}

    def aligning(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Return further options of `align_networks`."""
        return {}

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return the results; see `compute`."""
        raise NotImplementedError
