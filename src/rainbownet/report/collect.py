"""Collecting: everything a report shows, computed from a rainbow or networks and, where there are any, images."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from torch import nn

from rainbownet.aligned.compare import compare
from rainbownet.analysis.one_basis import align_networks
from rainbownet.checks import sequence_of
from rainbownet.errors import RainbowError, RainbowWarning
from rainbownet.rainbow.companions import IDENTITY, WHITE
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.describe import describe, heads, weight_bytes
from rainbownet.rainbow.fit import fit_laws
from rainbownet.rainbow.presets import BEST, Preset
from rainbownet.rainbow.sample import Sample, draw_sample
from rainbownet.record import versions
from rainbownet.report.findings import findings
from rainbownet.report.layers import add_layer, count_rejections, extended, rows_of_aligned, rows_of_network
from rainbownet.report.result import Report
from rainbownet.similarities import similarity
from rainbownet.spectra.measures import effective_rank
from rainbownet.walk import AlignmentImages

Subject = RainbowData | nn.Module
"""What a report is about."""

RAINBOW = "rainbow"

PAIRED = 1024
"""Images on which all layers are compared with all, at most."""


def collect(
    subjects: Subject | Sequence[Subject],
    loader: Any = None,
    *,
    test: Any = None,
    widths: Sequence[float | int] = (1, 2, 4),
    seed: int = 0,
    preset: Preset = BEST,
    names: Sequence[str] | None = None,
    title: str = "Rainbow report",
    max_images: int | None = None,
    holdout: float = 0.1,
    facts: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Compute what a report shows.

    The parameters are those of `rainbownet.write_report`.

    Returns:
        The numbers.

    Raises:
        RainbowError: If there is nothing to report on, networks come without images, names do not match, or a width is
            not positive; and as `fit`, `Rainbow.draw` and `compare`.

    Example:
        >>> import torch
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 8))
        >>> report = collect(net, [torch.randn(800, 4, generator=generator)], widths=[2])
        >>> report.samples[["width", "law"]]
           width                law
        0      1  identity baseline
        1      2            rainbow
        2      2      white control
    """
    if not isinstance(subjects, (RainbowData, nn.Module)):
        sequence_of("subjects", subjects, "rainbows or networks")
    things = [subjects] if isinstance(subjects, (RainbowData, nn.Module)) else list(subjects)
    labels = _checked(things, loader, names, widths)
    report = Report(title, versions=versions())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RainbowWarning)
        _Steps(report, things, labels, loader, test, widths, seed, preset, max_images, holdout, progress).run()
    for message in caught:
        if not issubclass(message.category, RainbowWarning):
            warnings.warn_explicit(message.message, message.category, message.filename, message.lineno)
    report.facts |= facts or {}
    said = [str(message.message) for message in caught if issubclass(message.category, RainbowWarning)]
    report.warnings = [*findings(report), *dict.fromkeys(said)]
    return report


class _Steps:
    """The steps, in the order of the page."""

    def __init__(
        self,
        report: Report,
        things: list[Subject],
        labels: list[str],
        loader: Any,
        test: Any,
        widths: Sequence[float | int],
        seed: int,
        preset: Preset,
        max_images: int | None,
        holdout: float,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.report, self.labels, self.loader, self.test = report, labels, loader, test
        self.widths = list(widths) if loader is not None else []
        self.seed, self.max_images, self.holdout, self.progress = seed, max_images, holdout, progress
        self.things, self.preset = things, preset
        self.modules = [thing.reference if isinstance(thing, RainbowData) else thing for thing in things]
        self.images = 0
        self.done, self.steps = 0, 3 + len(things) - 1 + 2 * len(self.widths) + bool(self.widths)

    def run(self) -> None:
        first = self.things[0]
        rainbow = first if isinstance(first, RainbowData) else self._fitted()
        self._step()
        self._about(rainbow)
        self._networks()
        self.report.populations = _populations(rainbow)
        self._layers(rainbow)
        self._comparison()
        if self.widths:
            # A white law keeps every trained neuron, so that its identity draw gives them.
            self._drawn(rainbow.white(), IDENTITY, 1, rainbow.preset.but(draw="identity"))
        for width in self.widths:
            self._samples(rainbow, width)

    def _fitted(self) -> RainbowData:
        assert self.loader is not None
        return fit_laws(self.modules, AlignmentImages.of(self.loader, max_images=self.max_images), self.preset)

    def _about(self, rainbow: RainbowData) -> None:
        options, report = rainbow.preset.to_dict(), self.report
        report.fitted = rainbow.networks
        report.facts["Networks"] = f"{rainbow.networks} behind the law"
        if len(self.things) > 1:
            report.facts["Networks"] += f", {len(self.things)} compared"
        elif rainbow.networks > 1:
            report.facts["Networks"] += "; the one shown is the reference, whose basis the law is in"
        report.facts["Law"] = _worded(options["law"])
        report.facts["Alignment"] = _worded(options["alignment"])
        report.facts["Draw"] = f"{options['draw']}; layers {options['tie']}; maps on {options['flatten']} at a flatten"
        report.facts["Norms"] = str(options["norms"])
        report.facts["Classifier"] = ", ".join(heads(rainbow.network) or ["none"]) + " (aligned, not drawn)"
        report.facts["Drawn"] = f"{100 * rainbow.network.share_drawn:.1f} % of the parameters"
        if kept := rainbow.network.kept_by:
            report.facts["Kept as trained"] = "; ".join(one.why for one in kept)
        report.facts["Weights"] = f"{weight_bytes(rainbow.network):,} bytes of one network"
        shape = rainbow.provenance.get("input", {}).get("shape")
        if shape is not None:
            report.facts["Inputs"] = " × ".join(map(str, shape))
        if "fingerprint" in rainbow.provenance:
            report.facts["Fingerprint"] = f"{rainbow.provenance['fingerprint']} (first batch)"
        report.facts["Seed"] = str(self.seed)

    def _networks(self) -> None:
        rows = []
        for label, module in zip(self.labels, self.modules, strict=True):
            rows.append(
                {"network": label, "parameters": sum(p.numel() for p in module.parameters())} | self._score(module)
            )
        self.report.networks = pd.DataFrame(rows)
        self._step()

    def _layers(self, rainbow: RainbowData) -> None:
        if self.loader is None:
            layers = list(rows_of_network(rainbow.network))
        else:
            aligned = align_networks(
                self.modules,
                self.loader,
                max_images=self.max_images,
                holdout=self.holdout,
            )
            self.report.facts["Images"] = (
                f"{aligned.images:,}, one in {round(1 / self.holdout)} held out"
                if self.holdout
                else f"{aligned.images:,}, none held out"
            )
            self.images = aligned.images
            layers = list(rows_of_aligned(aligned))
        for layer in layers:
            add_layer(self.report, layer, seed=self.seed)
        count_rejections(self.report)
        self._step()

    def _comparison(self) -> None:
        tables, layers = [], []
        for label, module in zip(self.labels[1:], self.modules[1:], strict=True):
            assert self.loader is not None
            table = compare(
                self.modules[0], module, self.loader, seed=self.seed, max_images=self.max_images, holdout=self.holdout
            )
            table.insert(0, "network", label)
            tables.append(table)
            found = similarity(
                self.modules[0],
                module,
                self.loader,
                measures="cka",
                max_images=min(self.images, PAIRED),
                holdout=self.holdout,
            ).table
            found.insert(0, "network", label)
            layers.append(found)
            self._step()
        if tables:
            self.report.comparison = pd.concat(tables, ignore_index=True)
            self.report.similarity = pd.concat(layers, ignore_index=True)

    def _samples(self, rainbow: RainbowData, width: float | int) -> None:
        for law, own in ((RAINBOW, rainbow), (WHITE, rainbow.white())):
            drawn = self._drawn(own, law, width, own.preset)
            table: Any = drawn.alignment[["layer", "rows", "ridge", "toward", "cosine", "error"]]
            table.insert(0, "width", width)
            table.insert(1, "law", law)
            self.report.alignment = extended(self.report.alignment, table)

    def _drawn(self, rainbow: RainbowData, law: str, width: float | int, preset: Preset) -> Sample:
        assert self.loader is not None
        images = AlignmentImages.of(self.loader, max_images=self.max_images, holdout=self.holdout)
        drawn = draw_sample(rainbow, images, preset=preset, width=width, seed=self.seed)
        row = {"width": width, "law": law} | self._score(drawn.network) | _quality(drawn)
        self.report.samples = extended(self.report.samples, pd.DataFrame([row]))
        self._step()
        return drawn

    def _score(self, module: nn.Module) -> dict[str, float]:
        if self.test is None:
            return {}
        from rainbownet.training import evaluate

        return evaluate(module, self.test)._asdict()

    def _step(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.steps)


def _checked(
    things: Sequence[Subject], loader: Any, names: Sequence[str] | None, widths: Sequence[float | int]
) -> list[str]:
    """Return the names of the networks."""
    if not things:
        raise RainbowError("subjects: an empty sequence; a rainbow or a network is needed")
    if loader is None and (len(things) > 1 or not isinstance(things[0], RainbowData)):
        raise RainbowError("loader: networks need images to be fitted or compared on; only one rainbow does without")
    if loader is not None:
        AlignmentImages(loader).check_passes(2, "a report")
    if bad := [width for width in widths if not width > 0]:
        raise RainbowError(f"widths: expected positive factors, got {bad}")
    if names is None:
        return ["reference"] if len(things) == 1 else [f"network {k + 1}" for k in range(len(things))]
    if len(names) != len(things) or len(set(names)) != len(names):
        raise RainbowError(f"names: {len(things)} different ones are needed, got {list(names)}")
    return list(names)


def _populations(rainbow: RainbowData) -> pd.DataFrame:
    table = describe(rainbow.network)
    ranks, effective = [], []
    for name in table["population"]:
        law = rainbow.laws.get(name)
        if law is None:
            ranks.append(None)
            effective.append(None)
            continue
        spectrum = law.spectrum()
        ranks.append(law.rank)
        effective.append(effective_rank(spectrum) if spectrum.any() else None)
    return table.assign(rank=ranks, effective_rank=effective)


def _quality(drawn: Sample) -> dict[str, Any]:
    scores = drawn.copy_scores().values()
    table, count = drawn.alignment, max(len(scores), 1)
    return {
        "cosine": float(table["cosine"].mean()),
        "error": float(table["error"].mean()),
        "held_out": bool(len(table) and table["held_out"].all()),
        "copy_score": sum(score.score for score in scores) / count,
        "copy_baseline": sum(score.baseline for score in scores) / count,
        "images": drawn.images,
    }


def _worded(options: dict[str, Any]) -> str:
    """Return a name and the options it has, for reading."""
    unused = {"name", "noise"} if options.get("shrinkage") == "none" else {"name"}
    given = {key: value for key, value in options.items() if key not in unused and value not in (None, False, "none")}
    rest = [key if value is True else f"{key} {_name(value)}" for key, value in given.items()]
    return str(options["name"]) + (f" ({', '.join(rest)})" if rest else "")


def _name(value: Any) -> Any:
    return value["name"] if isinstance(value, dict) else value
