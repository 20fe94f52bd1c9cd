"""The verb `compare`: did two networks learn the same?"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rainbownet.cli.choices import Flatten
from rainbownet.cli.images import Source
from rainbownet.cli.networks import OnNetworks, build_all
from rainbownet.cli.verb import Aligning, Computing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Compare(OnNetworks, Aligning):
    """Compare two networks layer by layer, up to a rotation of their channels.

    Give --weights twice, once for each network, and --kwargs once for both or twice.

    Attributes:
        other: The second network; the same as the first by default.
        baseline: Compare with a random network as well.
        flatten: Rotations of channels or of features at a flatten.
    """

    verb: ClassVar[str] = "compare"

    other: str | None = field(default=None, kw_only=False)
    baseline: bool = True
    flatten: Computing[Flatten] = "channels"
    source: Source = field(default_factory=Source)

    def run(self) -> None:
        """Compare and print."""
        from rainbownet.aligned.compare import compare
        from rainbownet.cli.output import say
        from rainbownet.processes import processes
        from rainbownet.progress import progress

        specs = [self.network, self.other or self.network]
        a, b = build_all(specs, self.kwargs, self.weights, counts=(2, 2), pretrained=self.pretrained)
        source = self.source.settled(self.trained_with([a, b]))
        with processes(self.device) as place:
            batches = source.batches(device=place.device, number=self.images)
            with progress("comparing", "images", shown=place.first) as report:
                table = compare(
                    a,
                    b,
                    batches,
                    max_images=self.images,
                    holdout=self.holdout,
                    seed=self.seed,
                    flatten=self.flatten,
                    baseline=self.baseline,
                    progress=report,
                )
        if not place.first:
            return
        say(source.said(batches.images))
        print_comparison(table, " and ".join(map(str, self.weights or specs)))
        normalisation = batches.images.normalisation
        self.write({"images": len(batches.images), "normalisation": normalisation, "layers": table})


def print_comparison(table: "pd.DataFrame", what: str, *, number: str = "") -> None:
    """Print what `rainbownet.compare` returned, activations above weights, `number` before the title."""
    from rainbownet.cli.output import print_table

    layers = ["layer", "channels_a", "channels_b"]
    activations = ["rows", "held_rows", "similarity", "held_similarity", "error", "held_error"]
    print_table(
        table.filter([*layers, *activations]),
        f"{number}Activations of {what}, after a rotation",
        caption="held: on images the rotation was not fitted to; similarity 1 and error 0 for rotated copies",
    )
    likeness = ["similarity", "held_similarity", "random", "centred", "held_centred", "random_centred"]
    print_table(
        table.filter(["layer", *likeness]),
        "Beside a random network, uncentred and centred",
        caption="random: with the second network at random parameters; centred: of activations minus their means",
        names={
            "held_similarity": "held out",
            "held_centred": "centred, held out",
            "random_centred": "centred, random",
        },
    )
    weights = ["weights", "weights_aligned", "weights_random", "rank_a", "rank_b"]
    print_table(
        table.filter(["layer", *weights]),
        "Covariances of their weights: cosines and effective ranks",
        names={"weights": "as they are", "weights_aligned": "aligned", "weights_random": "rotated at random"},
    )
