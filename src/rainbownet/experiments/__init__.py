"""Experiments: published figures made again from networks trained here, a file each, and the demonstration."""

from rainbownet.experiments import (
    activation_spectra,
    alignment_error,
    bulk,
    clipping,
    dependence,
    dynamics,
    factored,
    gaussianity,
    imagenet,
    network_spectra,
    resampling,
    spatial,
    symmetry,
    tutorial,
    universality,
    weight_covariance,
)
from rainbownet.experiments.figure import Claim, Figure, Outcome, Rule
from rainbownet.experiments.verdict import Verdict

_FILES = (
    activation_spectra,
    gaussianity,
    bulk,
    alignment_error,
    weight_covariance,
    clipping,
    network_spectra,
    resampling,
    dynamics,
    tutorial,
    spatial,
    universality,
    factored,
    dependence,
    symmetry,
    imagenet,
)

FIGURES: dict[str, Figure] = {file.FIGURE.name: file.FIGURE for file in _FILES}
"""Every published figure that can be reproduced, by name."""

__all__ = ["FIGURES", "Claim", "Figure", "Outcome", "Rule", "Verdict"]
