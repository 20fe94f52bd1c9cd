"""Alignment quality: how well a map carries sampled channels onto the reference, from moments alone."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.aligned.polar import polar_factor
from rainbownet.errors import AlignmentError
from rainbownet.moments import CrossMoment

SPARSE = 16
"""Maps of which less than one entry in so many is not zero are multiplied as sparse ones."""


@dataclass(frozen=True)
class Quality:
    r"""How well a map `A` carries the channels `z'` of a network onto the `z` of a reference, on some rows.

    Attributes:
        rows: Images × positions it was measured on.
        channels: Channels of the reference.
        own_channels: Channels of the network.
        reference_energy: :math:`E\|z\|^2`.
        energy: :math:`E\|z'\|^2`.
        mapped_energy: :math:`E\|A z'\|^2`.
        shared: :math:`\mathrm{Re}\,E⟨A z', z⟩`.
    """

    rows: int
    channels: int
    own_channels: int
    reference_energy: float
    energy: float
    mapped_energy: float
    shared: float

    @property
    def error(self) -> float:
        r"""Mean-square error relative to the reference's energy, :math:`E\|A z' - z\|^2 / E\|z\|^2`; 0 is exact."""
        # Cancellation can leave an exact map a rounding error below zero.
        total = self.mapped_energy - 2 * self.shared + self.reference_energy
        return max(total, 0.0) / self.reference_energy

    @property
    def explained(self) -> float:
        """Share of the reference's energy explained, `1 − error`."""
        return 1 - self.error

    @property
    def cosine(self) -> float:
        r"""Cosine after the map, :math:`\mathrm{Re}\,E⟨A z', z⟩ / \sqrt{E\|A z'\|^2\,E\|z\|^2}`.

        It is 1 for maps that are exact up to a scale, and 0 for a zero map.
        """
        return self.shared / math.sqrt(self.mapped_energy * self.reference_energy) if self.mapped_energy > 0 else 0.0

    @property
    def similarity(self) -> float:
        r"""Similarity up to the rotation `A`, :math:`\mathrm{Re}\,E⟨A z', z⟩ / \sqrt{E\|z'\|^2\,E\|z\|^2}`.

        It is 1 for rotated and scaled copies, and symmetric in the two networks. It has a meaning for isometries alone;
        other maps have a `cosine`.
        """
        return self.shared / math.sqrt(self.energy * self.reference_energy) if self.energy > 0 else 0.0

    @property
    def channel_error(self) -> float:
        r"""Mean-square error of activations of unit energy per channel, relative to the reference's (R7).

        :math:`E\|A z'/\sqrt{d'} - z/\sqrt d\|^2 / E\|z/\sqrt d\|^2`
        """
        ratio = self.channels / self.own_channels
        total = ratio * self.mapped_energy - 2 * math.sqrt(ratio) * self.shared
        return max(0.0, total / self.reference_energy + 1)

    @property
    def cosine_error(self) -> float:
        """Twice one minus the similarity: 2 for unrelated activations."""
        return max(0.0, 2 * (1 - self.similarity))


def alignment_quality(map: Inexact[Tensor, "d e"], moment: CrossMoment) -> Quality:
    r"""Measure a map on a moment: that it was computed from, or better one of held-out images.

    .. math:: E\|A z' - z\|^2 = \mathrm{tr}\,A\Sigma'A^H - 2\,\mathrm{Re}\,\mathrm{tr}\,A M^H + \mathrm{tr}\,\Sigma

    For a rotation this is (R7) divided by the reference's energy. Where the moment does not keep :math:`\Sigma'` its
    diagonal is used, which is all there is to know if the columns of `A` are orthogonal, as those of rotations between
    networks of one width are.

    Args:
        map: Map from sampled to reference channels.
        moment: Cross moment.

    Returns:
        The quality.

    Raises:
        AlignmentError: If the map does not fit the moment, or the moment has no energy.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> quality = alignment_quality(torch.eye(2).double(), CrossMoment(2, 2).update(z, 0.5 * z))
        >>> quality.error, quality.cosine, quality.explained
        (0.25, 1.0, 0.75)
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
    if moment.keeps_right:
        mapped = (_product(map, moment.right) * map.conj()).sum().real.item()
    else:
        mapped = (map.abs().square().sum(0) * moment.right_second).sum().item()
    return Quality(
        rows=moment.count,
        channels=moment.left_dim,
        own_channels=moment.right_dim,
        reference_energy=energy,
        energy=moment.right_energy,
        mapped_energy=mapped,
        shared=(map * moment.cross.conj()).sum().real.item(),
    )


def _product(map: Inexact[Tensor, "d e"], moment: Inexact[Tensor, "e e"]) -> Inexact[Tensor, "d e"]:
    """Return the product; that of an assignment, whose map is nearly all zeros, costs its other entries alone."""
    if map.is_complex() or map.count_nonzero() > map.numel() // SPARSE:
        return map @ moment
    return torch.sparse.mm(map.to_sparse(), moment)


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
