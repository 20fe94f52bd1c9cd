"""The verb `report`: a self-contained page about a rainbow or networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from rainbownet.cli import parse
from rainbownet.cli.choices import PresetName
from rainbownet.cli.images import Tested, trained_with
from rainbownet.cli.rainbows import Trust, known_to
from rainbownet.cli.verb import Aligning, Out


@dataclass(frozen=True, kw_only=True)
class Report(Aligning):
    """Write one HTML page about your own networks: what was fitted, the layers, how alike they are, samples, warnings.

    Give a rainbow file, or a network with --weights, once for each trained network. A rainbow file alone can do without
    images: --data none.

    Attributes:
        what: Rainbow files, names of reference networks, or package.module:factory.
        out: The page.
        weights: State dict: safetensors, or torch.save of tensors only. May be repeated.
        kwargs: JSON arguments of the network.
        preset: How networks are fitted; a file has its own.
        widths: Widths of the samples; none to draw none.
        title: Title of the page.
        trust: Call the factories that rainbow files name.
    """

    verb: ClassVar[str] = "report"

    what: tuple[str, ...] = field(kw_only=False)
    out: Out[Path] = Path("report.html")
    weights: tuple[Path, ...] = ()
    kwargs: tuple[str, ...] = ()
    preset: PresetName = "best"
    widths: str = "1,2,4"
    title: str | None = None
    trust: Trust = False
    source: Tested = field(default_factory=Tested)

    def run(self) -> None:
        """Collect, write the page, and print its warnings."""
        from rainbownet.cli.output import say, size_text
        from rainbownet.errors import RainbowError
        from rainbownet.processes import processes
        from rainbownet.progress import progress
        from rainbownet.rainbow.presets import preset
        from rainbownet.report import write_report

        widths = () if self.widths == "none" else parse.positive_numbers("--widths", self.widths)
        subjects, names, known = self._subjects()
        source, own = self.source.settled(known), self.source
        with processes(self.device) as place:
            if place.world > 1:
                raise RainbowError("report is written by one process; start it without torchrun")
            blind = own.data == "none"
            batches = None if blind else source.batches(device=place.device, number=self.images)
            facts = {}
            if batches is not None:
                facts = {"Data": f"{own.data}, aligned on {own.split!r}, classified on {own.test_split!r}"}
                facts["Images"] = source.said(batches.images).partition("; ")[2]
            with progress("reporting", "steps") as shown:
                found = write_report(
                    subjects,
                    self.out,
                    batches,
                    test=None if blind else source.test(),
                    widths=widths,
                    seed=self.seed,
                    preset=preset(self.preset),
                    names=names,
                    title=self.title or "Rainbow report: " + ", ".join(dict.fromkeys(Path(n).name for n in self.what)),
                    max_images=self.images,
                    holdout=self.holdout,
                    facts=facts,
                    progress=shown,
                )
        if batches is not None:
            say(source.said(batches.images))
        for warning in found.warnings:
            say(f"• {warning}")
        say(f"{self.out}: {size_text(self.out.stat().st_size)}; open it in a browser")
        normalisation = None if batches is None else batches.images.normalisation
        self.write({**found.to_dict(), "normalisation": normalisation})

    def _subjects(self) -> tuple[list[Any], list[str], Mapping[str, Any]]:
        """Return rainbows and networks, the rainbows first, what to call them, and how they were normalised."""
        from rainbownet.cli.networks import build_all
        from rainbownet.errors import ArchitectureError
        from rainbownet.facade import load

        files = [Path(name) for name in self.what if Path(name).suffix == ".rainbow"]
        specs = [name for name in self.what if Path(name).suffix != ".rainbow"]
        if not specs and self.weights:
            raise ArchitectureError("--weights needs the name of the network they belong to")
        rainbows = [load(file, trust=self.trust) for file in files]
        networks = build_all(specs, self.kwargs, self.weights) if specs else []
        stems = [path.stem for path in self.weights]
        names = [file.stem for file in files] + [
            path.stem if stems.count(path.stem) == 1 else path.absolute().parent.name for path in self.weights
        ]
        unique = [name if names.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(names)]
        known = trained_with(self.weights)
        for rainbow, file in zip(rainbows, files, strict=True):
            known |= known_to(rainbow, file)
        return [*rainbows, *networks], unique, known
