"""The verb `demo`: the whole of it in about a minute, on digits that come with scikit-learn."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rainbownet.cli import parse
from rainbownet.cli.verb import Count, Output, Seed, Verb

if TYPE_CHECKING:
    from rainbownet.experiments.demo import Results


@dataclass(frozen=True, kw_only=True)
class Demo(Verb):
    """Train two small networks, compare them, and draw new ones of other widths without training.

    Attributes:
        plot: Draw everything into this PNG or PDF.
        epochs: Epochs of training.
        widths: Widths of the samples.
        energies: Shares of its energy that a law is cut to.
    """

    verb: ClassVar[str] = "demo"

    plot: Output[Path | None] = None
    epochs: Count = 12
    widths: str = "0.5,1,2,4,8"
    energies: str = "0.6,0.8,0.9,0.95,1"
    seed: Seed = 0

    def run(self) -> None:
        """Tell the story, table by table."""
        from rainbownet.cli.output import say, write_json
        from rainbownet.errors import RainbowError
        from rainbownet.experiments.demo import Settings, run
        from rainbownet.progress import progress

        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RainbowError("demo: it runs in one process; start it without torchrun")
        settings = Settings(
            epochs=self.epochs,
            widths=tuple(parse.positive_numbers("--widths", self.widths)),
            energies=tuple(parse.positive_numbers("--energies", self.energies)),
            seed=self.seed,
        )
        with progress("demo", "networks") as report:
            results = run(settings, show=_show, progress=report)
        if self.plot is not None:
            from rainbownet.experiments.demo.picture import draw_picture

            draw_picture(results, self.plot, width=settings.middle)
            say(f"picture: {self.plot}")
        write_json(self.json, self.verb, settings.to_dict(), results.to_dict())
        if self.json is not None:
            say(f"numbers: {self.json}")


def _show(name: str, results: "Results") -> None:
    from rainbownet.cli.compare import print_comparison
    from rainbownet.cli.output import print_table, say, size_text

    if name == "trained":
        table = results.trained.assign(weights=results.trained["weight_bytes"].map(size_text))
        print_table(
            table.filter(["seed", "accuracy", "weights", "seconds"]),
            "1  Two convolutional networks, trained on scikit-learn's digits",
            percent=["accuracy"],
        )
    elif name == "compared":
        print_comparison(results.compared, "the two networks", number="2  ")
    elif name == "drawn":
        _show_drawn(results)
    else:
        table = results.compressed.assign(bytes=results.compressed["bytes"].map(size_text))
        print_table(
            table.filter(["energy", "ranks", "bytes", "share", "published", "published_white", "best", "best_white"]),
            "4  Laws cut to a share of their energy: bytes, and accuracy of samples at ×2 beside white controls",
            names={
                "energy": "energy kept",
                "ranks": "ranks of the laws",
                "share": "of the weights",
                "published_white": "its white",
                "best_white": "its white",
            },
            percent=["energy", "share", "published", "published_white", "best", "best_white"],
        )
        say(f"{results.seconds:.0f} seconds in all")


def _show_drawn(results: "Results") -> None:
    from rainbownet.cli.output import print_table, say

    table = results.drawn.assign(width=results.drawn["width"].map("×{:g}".format))
    print_table(
        table,
        "3  Networks drawn from the law of one network or of both, without training",
        names={
            "networks": "fitted on",
            "white": "white control",
            "identity": "identity baseline",
            "cosine": "aligned: cosine",
            "error": "error",
            "copy": "copy score",
            "copy_baseline": "by chance",
        },
        percent=["accuracy", "white", "identity"],
        keys=3,
        caption=f"alignment on {results.images['alignment']} images, measured on those held out; "
        f"accuracy on {results.images['test']} test images",
    )
    single = results.drawn[results.drawn["networks"] == 1]
    width = sorted(set(single["width"]))[len(set(single["width"])) // 2]
    for method, what in (("published", "The published method"), ("best", "Least squares")):
        chosen = single[(single["method"] == method) & (single["width"] == width)]
        columns = ("accuracy", "white", "identity")
        accuracy, white, identity = (100 * float(chosen[column].mean()) for column in columns)
        say(
            f"{what} at ×{width:g}: {accuracy:.1f} % with the law, {white:.1f} % with a white one; the trained neurons "
            f"aligned alike {identity:.1f} %."
        )
    say("What the white control reaches is the work of the alignment; the rest is what the law knows.")
