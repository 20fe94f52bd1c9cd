"""Alignment quality: how well a map carries sampled channels onto the reference, from moments alone."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.aligned.polar import polar_factor
from rainbownet.errors import AlignmentError
from rainbownet.moments import CrossMoment


@dataclass(frozen=True)
class Quality:
    """How well a map aligns.

    Attributes:
        error: Mean-square error relative to the reference's energy, `E‖A z' − z‖² / E‖z‖²`; 0 is exact.
        similarity: Cosine after the map, `Re E⟨A z', z⟩ / √(E‖A z'‖² E‖z‖²)`; 1 is exact up to a
            scale; 0 for a zero map.
        explained: Share of the reference's energy explained, `1 − error`.
    """

    error: float
    similarity: float
    explained: float


def alignment_quality(map: Inexact[Tensor, "d e"], moment: CrossMoment) -> Quality:
    r"""Measure a map on a moment: that it was computed from, or better one of held-out images.

    .. math:: E\|A z' - z\|^2 = \mathrm{tr}\,A\Sigma'A^H - 2\,\mathrm{Re}\,\mathrm{tr}\,A M^H + \mathrm{tr}\,\Sigma

    For a rotation this is (R7) divided by the reference's energy.

    Args:
        map: Map from sampled to reference channels.
        moment: Cross moment that keeps the self moment of the sampled network.

    Returns:
        Relative error, similarity and explained share.

    Raises:
        AlignmentError: If the map does not fit the moment, or the moment has no self moment or no energy.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> alignment_quality(torch.eye(2).double(), CrossMoment(2, 2).update(z, 0.5 * z))
        Quality(error=0.25, similarity=1.0, explained=0.75)
    """
    if map.shape != (moment.left_dim, moment.right_dim):
        raise AlignmentError(
            f"a map of shape {tuple(map.shape)} does not fit a moment of {moment.left_dim} reference channels and "
            f"{moment.right_dim} sampled channels"
        )
    energy = moment.left_energy
    if energy == 0:
        raise AlignmentError("the reference has no energy on these rows, so no relative error")
    map = map.to(moment.cross)
    mapped = ((map @ moment.right) * map.conj()).sum().real.item()
    shared = (map * moment.cross.conj()).sum().real.item()
    # Cancellation can leave an exact map a rounding error below zero.
    error = max(mapped - 2 * shared + energy, 0.0) / energy
    similarity = shared / math.sqrt(mapped * energy) if mapped > 0 else 0.0
    return Quality(error=error, similarity=similarity, explained=1 - error)


def procrustes_similarity(moment: CrossMoment) -> float:
    r"""Return the normalised similarity of two representations up to a rotation.

    .. math:: \|E[z z'^H]\|_1 \,/\, \sqrt{E\|z\|^2 \, E\|z'\|^2}

    with the nuclear norm, read off the polar factor as :math:`\mathrm{Re}\,\mathrm{tr}\,U^H M`. It is 1 for rotated
    and scaled copies; (R7) relative to matched energies is twice one minus it.

    Args:
        moment: Cross moment; no self moment is needed.

    Returns:
        Similarity between 0 and 1.

    Raises:
        AlignmentError: If the cross moment is not finite or one side has no energy.

    Example:
        >>> z = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
        >>> round(procrustes_similarity(CrossMoment(2, 2).update(z, 3 * z.flip(1))), 6)
        1.0
    """
    energies = moment.left_energy * moment.right_energy
    if energies == 0:
        raise AlignmentError("one side has no energy on these rows, so no similarity")
    cross = moment.cross
    if not torch.any(cross != 0):
        return 0.0
    return (polar_factor(cross).conj() * cross).sum().real.item() / math.sqrt(energies)
