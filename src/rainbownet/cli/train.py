"""The verb `train`: reference networks by recipe, one for each seed and width, resumably."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from rainbownet.cli import parse
from rainbownet.cli.images import Tested
from rainbownet.cli.verb import Count, Device, Out, Verb


@dataclass(frozen=True, kw_only=True)
class Train(Verb):
    """Train networks. Called again, the same command goes on where it was stopped.

    Attributes:
        network: Name of a reference network, or package.module:factory.
        out: Folder with a folder for each network.
        recipe: Name of a recipe: digits, quick, paper, tutorial, …
        epochs: Epochs, instead of the recipe's.
        seeds: Seeds, 0,1,2 or 0:3.
        widths: Factors on the widths, 0.5,1,2.
        kwargs: JSON arguments of the network.
        cluster: Train as tasks of a Ray cluster.
    """

    verb: ClassVar[str] = "train"
    files: ClassVar[tuple[str, ...]] = ("json",)

    network: str = field(kw_only=False)
    out: Out[Path] = field()
    recipe: str = "digits"
    epochs: Count | None = None
    seeds: str = "0"
    widths: str | None = None
    kwargs: str | None = None
    cluster: Literal["ray"] | None = None
    device: Device = None
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Train what is missing, and print where the networks are."""
        import os
        from dataclasses import replace

        from rainbownet.cli.output import print_table, say
        from rainbownet.ensemble import grid, train_ensemble
        from rainbownet.errors import DataError
        from rainbownet.training import RECIPES

        if self.recipe not in RECIPES:
            raise DataError(f"--recipe is {self.recipe!r}; it can be {', '.join(RECIPES)}")
        recipe = RECIPES[self.recipe]
        source = self.source.settled()
        members = grid(
            self.network,
            recipe=recipe if self.epochs is None else replace(recipe, epochs=self.epochs),
            seeds=parse.whole_numbers("--seeds", self.seeds),
            widths=parse.positive_numbers("--widths", self.widths) if self.widths else (None,),
            kwargs=[parse.json_object("--kwargs", self.kwargs)],
            data=source.arguments(),
            test=None if self.source.test_split == "none" else source.arguments(self.source.test_split),
        )
        images, _ = source.load(), source.test()
        members[0].build()
        ensemble = train_ensemble(self.out, members, cluster=self.cluster, device=self.device)
        if os.environ.get("RANK", "0") != "0":
            return
        wanted = [member.name for member in members]
        table = ensemble.table.query("name in @wanted")
        say(source.said(images))
        print_table(table, f"Networks in {self.out}", percent=["accuracy", "test_accuracy"])
        for name in wanted:
            say(str(self.out / name / "model.safetensors"))
        self.write({"networks": table, "normalisation": images.normalisation})
