"""The verb `limit`: the infinite-width network of a rainbow file, and how samples approach it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from rainbownet.cli import parse
from rainbownet.cli.choices import alignment
from rainbownet.cli.images import Tested
from rainbownet.cli.rainbows import OnRainbow
from rainbownet.cli.verb import Count, Drawing, Out, Whole

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from rainbownet.data import Examples, Loader

_SAMPLES = Group("Samples beside it", sort_key=3)


@dataclass(frozen=True, kw_only=True)
class Limit(OnRainbow, Drawing):
    """Compute the network that samples tend to as their width grows, beside its white control.

    Attributes:
        out: The limit network, safetensors.
        landmarks: Landmarks of each layer.
        method: How they are chosen.
        alignment: procrustes or least-squares, with fields least-squares:ridge=0.01; as fitted by default.
        ridge: Ridge of least squares.
        widths: Factors, 1,2,4,8: measure how far samples are from the limit.
        draws: Samples of each width.
        pairs: Test images whose kernels are compared.
        plot: Draw the distances into this PNG or PDF.
    """

    verb: ClassVar[str] = "limit"

    out: Out[Path | None] = None
    landmarks: Count = 1024
    method: Literal["rpcholesky", "cholesky", "kmeans++", "random"] = "rpcholesky"
    alignment: str | None = None
    ridge: float | None = None
    widths: Annotated[str | None, Parameter(group=_SAMPLES)] = None
    draws: Annotated[Count, Parameter(group=_SAMPLES)] = 3
    pairs: Annotated[Whole, Parameter(group=_SAMPLES, validator=Number(gte=2))] = 300
    plot: Annotated[Path | None, Parameter(group=_SAMPLES)] = None
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Compute, measure, write and print."""
        from rainbownet.cli.output import print_table, say, size_text
        from rainbownet.errors import RainbowError
        from rainbownet.processes import processes
        from rainbownet.progress import progress

        widths = [] if self.widths is None else parse.positive_numbers("--widths", self.widths)
        if self.plot is not None and not widths:
            raise RainbowError("--plot draws distances of samples; give their --widths as well, such as 1,2,4,8")
        chosen, walking = alignment(self.alignment, self.ridge), self.walking()
        rainbow = self.load()
        source = self.source.settled(self.trained_with(rainbow))
        test = source.test()
        if widths and test is None:
            raise RainbowError("--widths compares samples with the limit on test images; give a --test-split")
        shared: dict[str, Any] = {"alignment": chosen or rainbow.preset.alignment, **walking}
        built: dict[str, Any] = {"landmarks": self.landmarks, "method": self.method, "seed": self.seed, **shared}
        with processes(self.device) as place:
            if place.world > 1:
                raise RainbowError("a limit is computed in one process; call rainbownet without torchrun")
            batches = source.batches(device=place.device, number=self.images)
            with progress("limit", "stages") as report:
                found = rainbow.limit(batches, progress=report, **built)
            nets: dict[str, nn.Module] = {"trained": rainbow.reference, "limit": found}
            if self.control:
                with progress("white control", "stages") as report:
                    nets["limit of white weights"] = rainbow.white().limit(batches, progress=report, **built)
            accuracies = _accuracies(nets, test)
            say(source.said(batches.images))
            print_table(accuracies, f"The infinite-width network of {self.rainbow}", percent=["accuracy"])
            print_table(found.table.drop(columns="held_out"), f"Layers, on {found.provenance['images']} images")
            results = {
                "normalisation": batches.images.normalisation,
                "accuracies": accuracies,
                "layers": found.table,
                "provenance": found.provenance,
            }
            if widths:
                assert test is not None
                with progress("samples", "networks") as report:
                    results |= self._distances(rainbow, found, batches, test, widths, shared, report)
                _print_distances(results["distances"], results["rates"], len(test))
        if self.plot is not None:
            from rainbownet.plotting.distances import draw_distances

            draw_distances(results["distances"], results["rates"], self.plot)
            say(f"{self.plot}: written")
        if self.out is not None:
            say(f"{self.out}: written, {size_text(found.save(self.out))}")
        self.write(results)

    def _distances(
        self,
        rainbow: Any,
        found: Any,
        batches: "Loader",
        test: "Examples",
        widths: list[float],
        drawn: dict[str, Any],
        report: Callable[[int, int], None] | None,
    ) -> "dict[str, pd.DataFrame]":
        from rainbownet.limit import convergence_rates, limit_distances

        device = batches.images.inputs.device
        test = test.some(len(test))
        inputs, targets = test.normalise(test.inputs.to(device)), test.targets.to(device)
        distances = limit_distances(
            rainbow,
            found,
            batches,
            inputs,
            widths=widths,
            seeds=range(self.draws),
            pairs=self.pairs,
            judge=lambda out: (out.argmax(1) == targets).double().mean().item(),
            progress=report,
            **drawn,
        ).rename(columns={"value": "accuracy"})
        return {"distances": distances, "rates": convergence_rates(distances, found, inputs[: self.pairs])}


def _accuracies(nets: "dict[str, nn.Module]", test: "Examples | None") -> "pd.DataFrame":
    import pandas as pd

    from rainbownet.training import evaluate

    rows = [{"network": name} | ({} if test is None else evaluate(net, test)._asdict()) for name, net in nets.items()]
    return pd.DataFrame(rows)


def _print_distances(distances: "pd.DataFrame", rates: "pd.DataFrame", images: int) -> None:
    from rainbownet.cli.output import print_table

    across = distances.pivot_table(index="width", columns="layer", values="distance", sort=False)
    across["accuracy"] = distances.groupby("width", sort=False)["accuracy"].mean()
    print_table(across.reset_index(), f"Distance of samples to the limit on {images} test images", percent=["accuracy"])
    print_table(
        rates,
        "Slopes in the width",
        caption="bound: proved by Theorem 2 of Guth et al. (2024); expected: by its authors; decay: of the spectrum",
    )
