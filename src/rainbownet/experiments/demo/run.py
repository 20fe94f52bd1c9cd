"""The steps of the demonstration, each a call or two of the library."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.aligned.compare import compare
from rainbownet.data import Images, Loader, load, loader
from rainbownet.errors import RainbowWarning
from rainbownet.experiments.demo.results import Results, Settings
from rainbownet.facade import Rainbow, fit
from rainbownet.facade import load as load_rainbow
from rainbownet.laws import Gaussian
from rainbownet.nets import build
from rainbownet.rainbow.data import changed
from rainbownet.rainbow.describe import weight_bytes
from rainbownet.rainbow.presets import BEST, PAPER, Preset
from rainbownet.rainbow.sample import Sample
from rainbownet.training import RECIPES, evaluate, train

METHODS: dict[str, Preset] = {"published": PAPER, "best": BEST}
"""The methods that are shown: rotations of the paper, and least squares."""

READINGS = 21
"""Test images whose classes are shown one by one."""

Show = Callable[[str, Results], None]
Progress = Callable[[int, int], None]


def run(settings: Settings, *, show: Show | None = None, progress: Progress | None = None) -> Results:
    """Run the demonstration.

    Args:
        settings: What to do.
        show: Called with the name of a table of the results as soon as it is there.
        progress: Called with the networks trained or drawn, and their number in all.

    Returns:
        Everything that was found.

    Raises:
        MissingExtra: Without scikit-learn, which has the digits.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        return _steps(settings, show or _silent, _Counter(settings, progress))
    finally:
        torch.set_num_threads(threads)


def _steps(settings: Settings, show: Show, done: _Counter) -> Results:
    began = time.perf_counter()
    found = Results()
    images, test = load("digits"), load("digits", split="test")
    batches = loader(images, batch_size=256, shuffle=True)
    found.images = {"alignment": len(images), "test": len(test)}

    nets, found.trained = _train(settings, images, test, done)
    show("trained", found)
    found.compared = compare(nets[0], nets[1], batches, seed=settings.seed)
    show("compared", found)
    with tempfile.TemporaryDirectory(prefix="rainbownet-") as folder:
        found.drawn, found.readings = _draw(settings, nets, batches, test, Path(folder), done)
        show("drawn", found)
        found.compressed = _compress(settings, nets[0], batches, test, Path(folder), done)
    found.seconds = time.perf_counter() - began
    show("compressed", found)
    return found


def _train(settings: Settings, images: Images, test: Images, done: _Counter) -> tuple[list[nn.Module], pd.DataFrame]:
    recipe = replace(RECIPES["digits"], epochs=settings.epochs)
    nets, rows = [], []
    for seed in (settings.seed, settings.seed + 1):
        began = time.perf_counter()
        net = build("digits_cnn", seed=seed)
        train(net, images, recipe=recipe, seed=seed, device="cpu", progress=False)
        size = sum(value.numel() * value.element_size() for value in net.state_dict().values())
        seconds = time.perf_counter() - began
        rows.append({"seed": seed, "accuracy": evaluate(net, test).accuracy, "weight_bytes": size, "seconds": seconds})
        nets.append(net)
        done()
    return nets, pd.DataFrame(rows)


def _draw(
    settings: Settings, nets: list[nn.Module], batches: Loader, test: Images, folder: Path, done: _Counter
) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    some = test.subset(range(min(READINGS, len(test))))
    rows, readings = [], {"pixels": some.inputs[:, 0], "targets": some.targets, "trained": _read(nets[0], some)}
    for method, preset in METHODS.items():
        for count, widths in ((1, settings.widths), (2, settings.both_widths)):
            rainbow, _ = _through_file(fit(nets[:count], batches, preset=preset), folder / f"{method}-{count}.rainbow")
            white = rainbow.white()
            # A white law keeps every trained neuron, so that its identity draw gives them.
            identity = _accuracy(white.draw(batches, draw="identity", seed=settings.seed), test)
            for width in widths:
                began = time.perf_counter()
                new = rainbow.draw(batches, width=width, seed=settings.seed)
                seconds = time.perf_counter() - began
                control = white.draw(batches, width=width, seed=settings.seed)
                row = {"method": method, "networks": count, "width": width}
                row |= {"accuracy": _accuracy(new, test), "white": _accuracy(control, test), "identity": identity}
                rows.append(row | _qualities(new) | {"seconds": seconds})
                if (method, count, width) == ("published", 1, settings.middle):
                    readings |= {"drawn": _read(new.network, some), "white control": _read(control.network, some)}
                done()
    return pd.DataFrame(rows), readings


def _compress(
    settings: Settings, net: nn.Module, batches: Loader, test: Images, folder: Path, done: _Counter
) -> pd.DataFrame:
    rows, whites = [], {}
    for method, preset in METHODS.items():
        control = fit(net, batches, preset=preset).white().draw(batches, width=settings.cut_width, seed=settings.seed)
        whites[f"{method}_white"] = _accuracy(control, test)
    for energy in settings.energies:
        row: dict[str, Any] = {"energy": energy}
        for method, preset in METHODS.items():
            law = Gaussian(mean=method != "published", rank=energy)
            with warnings.catch_warnings():
                # The cut is what is measured.
                warnings.filterwarnings("ignore", "law: ", RainbowWarning)
                cut = fit(net, batches, preset=preset, law=law)
            rainbow, size = _through_file(cut, folder / "cut.rainbow")
            new = rainbow.draw(batches, width=settings.cut_width, seed=settings.seed)
            row["ranks"] = tuple(law.rank for law in rainbow.laws.values())
            trained = rainbow.rows()
            size -= sum(4 * trained[name][0].numel() for name in changed(trained, rainbow.laws))
            row |= {"bytes": size, "share": size / weight_bytes(rainbow.network), method: _accuracy(new, test)}
            done()
        rows.append(row | whites)
    return pd.DataFrame(rows)


def _through_file(rainbow: Rainbow, path: Path) -> tuple[Rainbow, int]:
    """Return the rainbow as it comes back from a file, and the size of that."""
    size = rainbow.save(path)
    return load_rainbow(path), size


def _accuracy(new: Sample, test: Images) -> float:
    return evaluate(new.network, test).accuracy


def _qualities(new: Sample) -> dict[str, float]:
    scores = new.copy_scores().values()
    return {
        "cosine": new.alignment["cosine"].mean(),
        "error": new.alignment["error"].mean(),
        "copy": sum(score.score for score in scores) / len(scores),
        "copy_baseline": sum(score.baseline for score in scores) / len(scores),
    }


def _read(net: nn.Module, images: Images) -> Tensor:
    """Return the classes a network finds in images."""
    with torch.no_grad():
        return net(images.normalise(images.inputs)).argmax(1)


def _silent(name: str, results: Results) -> None:
    """Show nothing."""


class _Counter:
    """Counts networks trained and drawn."""

    def __init__(self, settings: Settings, progress: Progress | None) -> None:
        self.progress, self.done = progress, 0
        each = len(settings.widths) + len(settings.both_widths) + len(settings.energies)
        self.total = 2 + len(METHODS) * each

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)
