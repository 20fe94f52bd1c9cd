"""The verb `path`: is there a path of good networks between two trained ones?"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from cyclopts import Parameter
from cyclopts.validators import Number

from rainbownet.cli.images import Tested
from rainbownet.cli.networks import OnNetworks, build_all
from rainbownet.cli.verb import Images, Whole


@dataclass(frozen=True, kw_only=True)
class Path(OnNetworks):
    """Walk from one trained network to another: as they are, permuted, rotated, and through sampled networks.

    Give --weights twice, once for each network.

    Attributes:
        kinds: Which paths, of unaligned, permutation, rotation, sampled (these by default) and basis. May be repeated.
        points: Points on each path, both ends included.
        images: Images to align on; enough for the width by default.
    """

    verb: ClassVar[str] = "path"

    kinds: tuple[str, ...] = ()
    points: Annotated[Whole, Parameter(validator=Number(gte=2))] = 9
    images: Images = None
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Walk and print."""
        from rainbownet.cli.output import print_table, say
        from rainbownet.data import loader
        from rainbownet.errors import DataError
        from rainbownet.paths import KINDS, barriers, path
        from rainbownet.progress import progress

        a, b = build_all([self.network], self.kwargs, self.weights, counts=(2, 2))
        source = self.source.settled(self.trained_with())
        batches, test = source.batches(device="cpu", number=self.images), source.test()
        if test is None:
            raise DataError("--test-split none: path classifies images at each point; name the part to classify")
        with progress("walking", "points") as report:
            table = path(
                a,
                b,
                batches,
                test=loader(test, batch_size=256),
                kinds=self.kinds or KINDS,
                points=self.points,
                max_images=self.images,
                progress=report,
            )
        barrier = barriers(table)
        say(source.said(batches.images))
        across = table.pivot_table(index="t", columns="kind", values="accuracy", sort=False).reset_index()
        print_table(across, "Test accuracy along the paths", percent=[k for k in across.columns if k != "t"])
        print_table(barrier, "Barriers: the largest rise above the chord between the ends")
        self.write({"normalisation": batches.images.normalisation, "points": table, "barriers": barrier})
