"""The verb `sample`: a new network of any width from a rainbow file, beside its companions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rainbownet.cli import parse
from rainbownet.cli.choices import Classifier, DrawChoice
from rainbownet.cli.images import Tested
from rainbownet.cli.rainbows import OnRainbow
from rainbownet.cli.verb import Drawing, Out

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from rainbownet.data import Examples
    from rainbownet.rainbow.sample import Sample as Drawn


@dataclass(frozen=True, kw_only=True)
class Sample(OnRainbow, Drawing):
    """Draw a new network, without training, and measure it beside the trained one, its alignment and white control.

    Attributes:
        out: The new weights, safetensors; what network they load into is printed.
        width: A factor, layer1=4,layer3=8, or products: n/2 inside residual blocks.
        classifier: Aligned with the rest, or trained again on the features of the sample.
        until: Draw all layers up to this one, and keep the others.
        control: Draw the identity baseline (trained neurons, aligned alike) and the white control as well.
    """

    verb: ClassVar[str] = "sample"

    out: Out[Path | None] = None
    width: str = "1"
    classifier: Classifier = "aligned"
    until: str | None = None
    control: bool = True
    drawing: DrawChoice = field(default_factory=DrawChoice)
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Draw, measure, write and print."""
        from rainbownet.cli.output import say
        from rainbownet.processes import processes
        from rainbownet.progress import progress
        from rainbownet.rainbow.companions import IDENTITY, SAMPLE, WHITE

        width = self.width if self.width == "products" else parse.width("--width", self.width)
        walking, choices = self.walking(), self.drawing.options()
        rainbow = self.load()
        options: dict[str, Any] = {
            "width": rainbow.product_widths() if width == "products" else width,
            "seed": self.seed,
            "until": self.until,
            "classifier": self.classifier,
            **walking,
            **choices,
        }
        source = self.source.settled(self.trained_with(rainbow))
        test = source.test()
        with processes(self.device) as place:
            batches = source.batches(device=place.device, number=self.images)
            with progress("sampling", "layers", shown=place.first) as report:
                new = rainbow.draw(batches, progress=report, **options)
            nets, beside = {"reference": rainbow.reference, SAMPLE: new.network}, {}
            if self.control and new.companions is not None:
                for name, drawn in ((IDENTITY, new.companions.identity), (WHITE, new.companions.white)):
                    with progress(name, "layers", shown=place.first) as report:
                        beside[name] = drawn(progress=report)
                found = nets | {name: drawn.network for name, drawn in beside.items()}
                nets = {name: found[name] for name in ("reference", IDENTITY, SAMPLE, WHITE)}
        if not place.first:
            return
        accuracies, copies = _accuracies(nets, test), _copies(new)
        normalisation = batches.images.normalisation
        if self.out is not None:
            _write(self.out, new, self.settings(), normalisation)
        say(source.said(batches.images))
        _print(self.rainbow, new, accuracies, copies)
        if self.out is not None:
            say(f"{self.out}: written; {self._loads_into(new.network, options['width'])}")
        self.write(
            {
                "images": new.images,
                "normalisation": normalisation,
                "accuracies": accuracies,
                "alignment": new.alignment,
                "control_alignment": beside[WHITE].alignment if beside else None,
                "copy_scores": copies,
                "preset": new.preset.to_dict(),
                "networks": rainbow.networks,
                "test": test and {"name": test.name, "split": self.source.test_split, "images": len(test)},
            }
        )

    def _loads_into(self, net: "nn.Module", width: Any) -> str:
        """Return which network the weights belong to: one the file's factory makes, or one of these channels."""
        from rainbownet.naming import at_width
        from rainbownet.rainbow.file import architecture_of

        known = architecture_of(self.rainbow)
        factory = None if known is None or (":" in known[0] and not self.trust) else at_width(*known, width, net)
        if factory is not None:
            return f"they are the weights of {factory}"
        shapes = [f"{name} {tuple(value.shape)}" for name, value in net.named_parameters() if value.ndim > 1]
        more = f", and {len(shapes) - 4} more" if len(shapes) > 4 else ""
        return f"they load into a network of the same names and these shapes: {', '.join(shapes[:4])}{more}"


def _accuracies(nets: "dict[str, nn.Module]", test: "Examples | None") -> "pd.DataFrame":
    import math

    import pandas as pd

    from rainbownet.data import Text
    from rainbownet.rainbow.companions import companions

    if test is not None:
        found = companions(nets, test)
        if isinstance(test, Text):
            found.insert(4, "bits per character", found["loss"] / math.log(2))
        return found
    return pd.DataFrame(
        [{"network": name, "parameters": sum(p.numel() for p in net.parameters())} for name, net in nets.items()]
    )


def _copies(new: "Drawn") -> "pd.DataFrame":
    import pandas as pd

    rows = [{"population": name, "score": s.score, "baseline": s.baseline} for name, s in new.copy_scores().items()]
    return pd.DataFrame(rows, columns=["population", "score", "baseline"])


def _write(out: Path, new: "Drawn", settings: dict[str, Any], normalisation: dict[str, Any] | None) -> None:
    import json

    from rainbownet.files.tensors import write_tensors
    from rainbownet.record import plain

    metadata = {
        "rainbownet.sample": json.dumps(plain(settings), sort_keys=True),
        "normalisation": json.dumps(normalisation),
    }
    write_tensors(out, new.network.state_dict(), metadata)


def _print(path: Path, new: "Drawn", accuracies: "pd.DataFrame", copies: "pd.DataFrame") -> None:
    from rainbownet.cli.output import print_table

    print_table(accuracies, f"A network drawn from {path}", percent=["accuracy", "agreement"])
    held = len(new.alignment) and new.alignment["held_out"].all()
    print_table(
        new.alignment.drop(columns="held_out"),
        f"Alignment on {new.images} images, measured on {'those held out' if held else 'the same images'}",
    )
    print_table(
        copies, "Copy score: largest |cosine| of a drawn neuron to a trained one", caption="baseline: Gaussian draws"
    )
