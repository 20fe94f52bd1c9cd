"""Laws of neurons: rows of trained weights become a distribution, and the distribution new rows."""

from collections.abc import Mapping
from typing import Any

from rainbownet.errors import LawError
from rainbownet.laws.base import FittedLaw, Law
from rainbownet.laws.block import Block, block_slices, scalar_columns
from rainbownet.laws.copy_score import CopyScore, copy_score
from rainbownet.laws.draws import DRAWS, coefficients
from rainbownet.laws.gaussian import FittedGaussian, Gaussian
from rainbownet.laws.kronecker import FittedKronecker, Kronecker
from rainbownet.laws.mixture import FittedMixture, Mixture
from rainbownet.laws.seeded import FittedSeeded, Recipe
from rainbownet.laws.smoothed import FittedSmoothed, Smoothed
from rainbownet.laws.white import FittedWhite, White
from rainbownet.options import read_option

LAWS: dict[str, type[Law]] = {law.name: law for law in (Gaussian, Smoothed, White, Mixture, Kronecker)}


def from_dict(data: Mapping[str, Any]) -> Law:
    """Return the law that `to_dict` described.

    Args:
        data: Its name and fields; absent fields take their defaults.

    Returns:
        The law.

    Raises:
        LawError: If the name or a field is unknown.

    Example:
        >>> from_dict({"name": "smoothed", "h": 0.25, "base": {"name": "gaussian", "rank": 16}}).base.rank
        16
    """
    return read_option(data, LAWS, LawError, "law")


__all__ = [
    "DRAWS",
    "LAWS",
    "Block",
    "CopyScore",
    "FittedGaussian",
    "FittedKronecker",
    "FittedLaw",
    "FittedMixture",
    "FittedSeeded",
    "FittedSmoothed",
    "FittedWhite",
    "Gaussian",
    "Kronecker",
    "Law",
    "Mixture",
    "Recipe",
    "Smoothed",
    "White",
    "block_slices",
    "coefficients",
    "copy_score",
    "from_dict",
    "scalar_columns",
]
