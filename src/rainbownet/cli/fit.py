"""The verb `fit`: from trained weights to a rainbow file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from rainbownet.cli import parse
from rainbownet.cli.choices import LawChoice
from rainbownet.cli.images import Source
from rainbownet.cli.networks import OnNetworks, build_all
from rainbownet.cli.verb import Computing, Device, Images, Out


@dataclass(frozen=True, kw_only=True)
class Fit(OnNetworks):
    """Fit the law of the neurons of one trained network, or of several of one architecture.

    Attributes:
        out: The rainbow file.
        reference: Align several networks to the first or to their mean.
        head: Layers that are aligned, not drawn. May be repeated.
        strict: Refuse a network of which something is kept as trained for want of a rule.
        images: Images to align on; all by default.
    """

    verb: ClassVar[str] = "fit"

    out: Out[Path] = field()
    reference: Computing[Literal["first", "mean"]] = "first"
    head: Computing[tuple[str, ...]] = ()
    strict: Computing[bool] = False
    images: Images = None
    device: Device = None
    law: LawChoice = field(default_factory=LawChoice)
    source: Source = field(default_factory=Source)

    def run(self) -> None:
        """Fit, write and print."""
        from rainbownet.cli.output import print_table, say, size_text
        from rainbownet.errors import ArchitectureError
        from rainbownet.facade import fit
        from rainbownet.processes import processes
        from rainbownet.rainbow.describe import describe_rainbow, weight_bytes

        preset = self.law.chosen()
        if len(self.kwargs) > 1:
            raise ArchitectureError(
                f"--kwargs is given {len(self.kwargs)} times; networks of one architecture share one"
            )
        nets = build_all([self.network], self.kwargs, self.weights, pretrained=self.pretrained)
        source = self.source.settled(self.trained_with(nets))
        with processes(self.device) as place:
            batches = source.batches(device=place.device, number=self.images)
            rainbow = fit(
                nets,
                batches,
                preset=preset,
                head=self.head or "auto",
                strict=self.strict,
                reference=self.reference,
                max_images=self.images,
            )
        if not place.first:
            return
        arguments = parse.json_object("--kwargs", self.kwargs[0] if self.kwargs else None)
        written = rainbow.save(self.out, architecture=self.network, kwargs=arguments)
        laws, whole = describe_rainbow(rainbow), weight_bytes(rainbow.network)
        say(source.said(batches.images))
        print_table(laws, f"Laws of {self.network}", names={"numbers": "numbers each"})
        say(f"{self.out}: {size_text(written)}, for {size_text(whole)} of weights of each network")
        self.write(
            {
                "laws": laws,
                "bytes": written,
                "weight_bytes": whole,
                "networks": rainbow.networks,
                "preset": rainbow.preset.to_dict(),
                "provenance": rainbow.provenance,
                "normalisation": batches.images.normalisation,
            }
        )
