"""The verb `compress`: from a rainbow file to one of statistics alone, whose reference is drawn from a seed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from rainbownet.cli import parse
from rainbownet.cli.choices import DrawChoice
from rainbownet.cli.images import Tested
from rainbownet.cli.rainbows import OnRainbow
from rainbownet.cli.verb import Aligning, Out


@dataclass(frozen=True, kw_only=True)
class Compress(OnRainbow, Aligning):
    """Keep statistics and a seed in place of neurons, in few bytes, and measure what is drawn again.

    Attributes:
        out: The new rainbow file.
        width: Width of the network that is drawn again, a factor or layer1=4,layer3=8.
        rank: Directions kept in each law, or the share of the energy of the outputs they hold.
        bytes: In place of a rank, the size of the file at most, such as 50kB.
        precision: Bits of a number.
        control: Draw the identity baseline (trained neurons, aligned alike) and the white control as well.
    """

    verb: ClassVar[str] = "compress"

    out: Out[Path] = field()
    width: str = "1"
    rank: str | None = None
    bytes: str | None = None
    precision: Literal["float32", "float16", "int8"] = "int8"
    control: bool = True
    drawing: DrawChoice = field(default_factory=DrawChoice)
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Draw, measure, write and print."""
        from rainbownet.cli.output import print_table, say, size_text
        from rainbownet.processes import processes
        from rainbownet.progress import progress
        from rainbownet.rainbow.companions import IDENTITY, SAMPLE, TRAINED, WHITE, companions
        from rainbownet.rainbow.describe import describe_rainbow, weight_bytes

        width = parse.width("--width", self.width)
        rank = None if self.rank is None else parse.rank("--rank", self.rank)
        options = self.drawing.options()
        images: dict[str, Any] = {"max_images": self.images, "holdout": self.holdout}
        rainbow = self.load()
        source = self.source.settled(self.trained_with(rainbow))
        test = source.test()
        with processes(self.device) as place:
            batches = source.batches(device=place.device, number=self.images)
            with progress("compressing", "layers", shown=place.first) as report:
                small = rainbow.canonical(
                    batches,
                    width=width,
                    seed=self.seed,
                    rank=rank,
                    bytes=self.bytes,
                    precision=self.precision,
                    progress=report,
                    **images,
                    **options,
                )
            nets = {TRAINED: rainbow.reference, SAMPLE: small.reference}
            if self.control and test is not None:
                white = rainbow.white()
                same: dict[str, Any] = options | {"draw": "identity"}
                baseline = white.sample(batches, **images, **same)
                control = white.sample(batches, width=width, seed=self.seed, **images, **options)
                nets = {TRAINED: nets[TRAINED], IDENTITY: baseline, SAMPLE: nets[SAMPLE], WHITE: control}
        if not place.first:
            return
        written = small.save(self.out, reference="seed")
        laws, whole = describe_rainbow(small), weight_bytes(rainbow.network)
        accuracies = None if test is None else companions(nets, test)
        say(source.said(batches.images))
        print_table(laws, "Laws, in the channels of the sample", names={"numbers": "numbers each"})
        if accuracies is not None:
            print_table(accuracies, "The network drawn again from the file", percent=["accuracy", "agreement"])
        share = f"{100 * written / whole:.3g} %"
        say(f"{self.out}: {size_text(written)}, {share} of the {size_text(whole)} of weights of the trained network")
        self.write(
            {
                "laws": laws,
                "bytes": written,
                "weight_bytes": whole,
                "accuracies": accuracies,
                "alignment": small.alignment,
                "preset": small.preset.to_dict(),
                "test": test and {"name": test.name, "split": self.source.test_split, "images": len(test)},
            }
        )
