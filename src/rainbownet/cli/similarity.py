"""The verb `similarity`: every layer of one network with every layer of another, or with recorded responses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from rainbownet.cli.images import Settled, Source, trained_with
from rainbownet.cli.verb import Computing, Holdout, Images, Output, Verb, Whole

if TYPE_CHECKING:
    from rainbownet.similarities import Similarity as Found

RECORDED = (".npy", ".npz", ".safetensors", ".csv", ".parquet")
"""Endings of files that hold responses to the images, a row an image, instead of the name of a network."""

Measure = Literal["rotation", "angular", "cka", "cka_biased", "cca", "pwcca", "linear", "rsa"]


@dataclass(frozen=True, kw_only=True)
class Similarity(Verb):
    """Compare every layer of one network with every layer of another, whatever they are.

    Either side is a network, named as everywhere, or a file of responses to the images in their order.

    Attributes:
        a: Name of a network, package.module:factory, or a .npy, .npz, .safetensors, .csv or .parquet file.
        b: The other side.
        weights_a: State dict of the first network; as initialised without one.
        weights_b: State dict of the second.
        kwargs_a: JSON arguments of the first network.
        kwargs_b: JSON arguments of the second.
        layers_a: Layers of the first side, by name or pattern such as layer?.*; all with weights by default.
        layers_b: Layers of the second.
        measures: What is measured; rotation, cka, linear and rsa by default. May be repeated.
        center: Subtract means.
        positions: Positions of maps are rows where grids agree and averaged elsewhere (auto), averaged, or projected.
        images: Images to read; all by default.
        holdout: Share of them that nothing is fitted to.
        rdm_stimuli: Images whose distances are compared by rsa.
        budget: Bytes of moments held, 4GiB by default; more passes where they exceed it.
        plot: Heat maps of the measures, .png or .pdf.
    """

    verb: ClassVar[str] = "similarity"

    a: str = field(kw_only=False)
    b: str = field(kw_only=False)
    weights_a: Path | None = None
    weights_b: Path | None = None
    kwargs_a: str | None = None
    kwargs_b: str | None = None
    layers_a: tuple[str, ...] = ()
    layers_b: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ("rotation", "cka", "linear", "rsa")
    center: bool = True
    positions: Literal["auto", "pool", "project"] = "auto"
    images: Images = None
    holdout: Holdout = 0.1
    rdm_stimuli: Annotated[Whole, Parameter(validator=Number(gte=4))] = 500
    budget: Computing[str | None] = None
    plot: Output[Path | None] = None
    source: Source = field(default_factory=Source)

    def run(self) -> None:
        """Compare, print best matches, write and draw."""
        from rainbownet.cli.output import say
        from rainbownet.processes import processes
        from rainbownet.progress import progress
        from rainbownet.similarities import similarity

        sides = [
            self._side(self.a, self.weights_a, self.kwargs_a, "a"),
            self._side(self.b, self.weights_b, self.kwargs_b, "b"),
        ]
        known = [
            self.source.settled(trained_with([w] if w else []) or self._own(side, name))
            for side, name, w in zip(sides, (self.a, self.b), (self.weights_a, self.weights_b), strict=True)
        ]
        pixels = replace(known[0], mean=None, std=None)
        recorded = any(isinstance(side, Path) for side in sides)
        images = pixels.load() if recorded else None
        loader = images if images is not None else pixels.batches(device="cpu", number=self.images)
        with processes("cpu") as place, progress("comparing", "images", shown=place.first) as report:
            found = similarity(
                sides[0],
                sides[1],
                loader,
                layers_a=list(self.layers_a) or None,
                layers_b=list(self.layers_b) or None,
                measures=self.measures,
                center=self.center,
                positions=self.positions,
                inputs_a=_normaliser(known[0]),
                inputs_b=_normaliser(known[1]),
                rdm_stimuli=self.rdm_stimuli,
                max_images=self.images,
                holdout=self.holdout,
                budget=self.budget,
                progress=report,
            )
        if not place.first:
            return
        for name, settled in zip("ab", known, strict=True):
            say(f"{name}: {settled.said(_images_of(loader))}")
        self._print(found)
        self.write({"images": found.stimuli, "centred": found.centred, "table": found.table})
        if self.plot is not None:
            from rainbownet.plotting.heatmap import heatmaps
            from rainbownet.plotting.style import save

            save(heatmaps({measure: found.matrix(measure) for measure in found.measures}), self.plot)
            say(f"{self.plot}: drawn")

    @staticmethod
    def _own(side: Any, name: str) -> Mapping[str, Mapping[str, Any] | None]:
        from rainbownet.public import preprocessing_of_all

        return {} if isinstance(side, Path) else preprocessing_of_all([side], name)

    def _side(self, name: str, weights: Path | None, kwargs: str | None, letter: str) -> Any:
        from rainbownet.cli.networks import build
        from rainbownet.errors import RainbowError

        if not name.endswith(RECORDED):
            return build(name, kwargs, weights)
        if weights is not None or kwargs is not None:
            raise RainbowError(f"--weights-{letter} and --kwargs-{letter} belong to a network; {name} holds responses")
        return Path(name)

    def _print(self, found: "Found") -> None:
        from rainbownet.cli.output import print_table

        for measure in found.measures:
            best = found.best(measure)
            rows = found.table
            ceilings = rows.loc[(rows["measure"] == measure) & rows["ceiling"].notna()]
            if len(ceilings):
                best = best.merge(ceilings[["layer_a", "layer_b", "ceiling"]], on=["layer_a", "layer_b"], how="left")
            print_table(best, f"{measure}: the best match of each layer of {self.a} in {self.b}")


def _normaliser(settled: Settled) -> Callable[[Any], Any] | None:
    if settled.mean is None and settled.std is None:
        return None
    import torch

    mean, std = (torch.tensor(values or default) for values, default in ((settled.mean, (0.0,)), (settled.std, (1.0,))))
    return lambda pixels: (pixels - mean.to(pixels)[:, None, None]) / std.to(pixels)[:, None, None]


def _images_of(loader: Any) -> Any:
    return getattr(loader, "images", loader)
