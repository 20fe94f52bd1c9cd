"""Rainbow networks for PyTorch: align, compress, sample and compare trained networks."""

from rainbownet.aligned import Identity, LeastSquares, Permutation, Procrustes
from rainbownet.aligned.compare import compare
from rainbownet.laws import Gaussian, Kronecker, Mixture, Smoothed, White
from rainbownet.path import barriers, path
from rainbownet.rainbow import Rainbow, Sample, fit, load
from rainbownet.rainbow.classifier import retrain_classifier
from rainbownet.rainbow.presets import BEST, PAPER, PRESETS, Preset
from rainbownet.report import write_report

__version__ = "0.1.0"

__all__ = [
    "BEST",
    "PAPER",
    "PRESETS",
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
    "Smoothed",
    "White",
    "barriers",
    "compare",
    "fit",
    "load",
    "path",
    "retrain_classifier",
    "write_report",
]
