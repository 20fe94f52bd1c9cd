"""Alignment: from the moments of two networks at a layer to the map between their channels, and its quality."""

from collections.abc import Mapping
from typing import Any

from rainbownet.aligned.maps import Alignment, Identity, LeastSquares, Permutation, Procrustes
from rainbownet.aligned.polar import polar_factor
from rainbownet.aligned.quality import Quality, alignment_quality, procrustes_similarity
from rainbownet.errors import AlignmentError
from rainbownet.options import read_option

ALIGNMENTS: dict[str, type[Alignment]] = {a.name: a for a in (Procrustes, LeastSquares, Permutation, Identity)}


def from_dict(data: Mapping[str, Any]) -> Alignment:
    """Return the alignment that `to_dict` described.

    Args:
        data: Its name and fields; absent fields take their defaults.

    Returns:
        The alignment.

    Raises:
        AlignmentError: If the name or a field is unknown.

    Example:
        >>> from_dict({"name": "least-squares", "ridge": 0.01})
        LeastSquares(ridge=0.01, toward='zero')
    """
    return read_option(data, ALIGNMENTS, AlignmentError, "alignment")


__all__ = [
    "ALIGNMENTS",
    "Alignment",
    "Identity",
    "LeastSquares",
    "Permutation",
    "Procrustes",
    "Quality",
    "alignment_quality",
    "from_dict",
    "polar_factor",
    "procrustes_similarity",
]
