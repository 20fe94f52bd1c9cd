"""Rainbow networks for PyTorch: align, compress, sample and compare trained networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rainbownet.version import __version__ as __version__

if TYPE_CHECKING:
    from rainbownet import (  # noqa: I001 (one block of rooms)
        aligned as aligned,
        analysis as analysis,
        data as data,
        ensemble as ensemble,
        errors as errors,
        graph as graph,
        laws as laws,
        limit as limit,
        nets as nets,
        report as report,
        training as training,
    )
    from rainbownet.aligned import Identity, LeastSquares, Permutation, Procrustes
    from rainbownet.aligned.compare import compare
    from rainbownet.aligned.comparison import Comparison
    from rainbownet.facade import Rainbow, fit, load
    from rainbownet.laws import Gaussian, Kronecker, Mixture, Smoothed, White
    from rainbownet.naming import resolve
    from rainbownet.paths import barriers, path
    from rainbownet.rainbow.classifier import retrain_classifier
    from rainbownet.rainbow.presets import BEST, PAPER, PRESETS, Preset
    from rainbownet.rainbow.sample import Sample
    from rainbownet.report import write_report
    from rainbownet.similarities import Similarity, similarity
    from rainbownet.walk import AlignmentImages

__all__ = [
    "BEST",
    "PAPER",
    "PRESETS",
    "AlignmentImages",
    "Comparison",
    "Gaussian",
    "Identity",
    "Kronecker",
    "LeastSquares",
    "Mixture",
    "Permutation",
    "Preset",
    "Procrustes",
    "Rainbow",
    "Sample",
    "Similarity",
    "Smoothed",
    "White",
    "barriers",
    "compare",
    "fit",
    "load",
    "path",
    "resolve",
    "retrain_classifier",
    "similarity",
    "write_report",
]

_HOMES = {
    "rainbownet.aligned": ("Identity", "LeastSquares", "Permutation", "Procrustes"),
    "rainbownet.aligned.compare": ("compare",),
    "rainbownet.aligned.comparison": ("Comparison",),
    "rainbownet.facade": ("Rainbow", "fit", "load"),
    "rainbownet.laws": ("Gaussian", "Kronecker", "Mixture", "Smoothed", "White"),
    "rainbownet.paths": ("barriers", "path"),
    "rainbownet.rainbow.classifier": ("retrain_classifier",),
    "rainbownet.rainbow.presets": ("BEST", "PAPER", "PRESETS", "Preset"),
    "rainbownet.rainbow.sample": ("Sample",),
    "rainbownet.report": ("write_report",),
    "rainbownet.similarities": ("Similarity", "similarity"),
    "rainbownet.naming": ("resolve",),
    "rainbownet.walk": ("AlignmentImages",),
}
"""The module of each public name: imported when the name is first used, so that the command line starts at once."""

_HOME = {name: module for module, names in _HOMES.items() for name in names}

_ROOMS = ("aligned", "analysis", "data", "ensemble", "errors", "graph", "laws", "limit", "nets", "report", "training")
"""Rooms that `rainbownet.ROOM` opens without an import of their own."""


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name in _HOME:
        found = getattr(import_module(_HOME[name]), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
