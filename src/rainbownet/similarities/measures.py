r"""Measures of similarity between two representations, from their second moments alone.

With rows :math:`x (d)` and :math:`y (e)` of the same stimuli, everything here is a function of
:math:`S_{xx} = E[x x^⊤]`, :math:`S_{xy} = E[x y^⊤]` and :math:`S_{yy} = E[y y^⊤]`, centred or not.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import AlignmentError

NOISE = 1e-7
"""Singular values below this share of the largest are rounding."""


def rotation_similarity(cross: Float[Tensor, "d e"], energy_x: float, energy_y: float) -> float:
    r"""Return the similarity up to a rotation, :math:`\|S_{xy}\|_1 / \sqrt{\mathrm{tr}\,S_{xx}\,\mathrm{tr}\,S_{yy}}`.

    It is the cosine between one representation and the other after the best rotation (R6, R7), 1 for rotated and
    scaled copies; its arc cosine is the angular shape distance of Williams, Kunz, Kornblith & Linderman (NeurIPS 2021).

    Args:
        cross: :math:`S_{xy}`.
        energy_x: Trace of :math:`S_{xx}`.
        energy_y: Trace of :math:`S_{yy}`.

    Returns:
        A number between 0 and 1; NaN where one side has no energy.

    Example:
        >>> rotation = torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=torch.float64)
        >>> round(rotation_similarity(rotation, 2.0, 8.0), 12)
        1.0
    """
    return _cosine(torch.linalg.svdvals(cross).sum().item(), energy_x, energy_y)


def angular_distance(similarity: float) -> float:
    """Return the angle whose cosine a rotation similarity is, in radians: a metric (Williams et al., 2021).

    Example:
        >>> round(angular_distance(0.0) / math.pi, 12)
        0.5
    """
    return math.acos(min(max(similarity, -1.0), 1.0))


def rotation(cross: Float[Tensor, "d e"]) -> Float[Tensor, "d e"]:
    """Return the partial isometry `A` with `x ≈ A y`, the polar factor of the cross moment (R6); zero without energy.

    Of the few hundred channels of a layer an SVD on the CPU is the fastest way to it. Singular values that rounding of
    float32 activations may have made, below 1e-7 of the largest, are no directions.

    Example:
        >>> rotation(torch.diag(torch.tensor([3.0, 0.0], dtype=torch.float64))).abs()
        tensor([[1., 0.],
                [0., 0.]], dtype=torch.float64)
    """
    left, values, right = torch.linalg.svd(cross, full_matrices=False)
    live = values > NOISE * values[0]
    return left[:, live] @ right[live]


def cosine_under(map: Float[Tensor, "d e"], cross: Float[Tensor, "d e"], energy_x: float, energy_y: float) -> float:
    """Return the cosine between `x` and `A y` for a rotation `A` found elsewhere, such as on other images."""
    return _cosine((map * cross).sum().item(), energy_x, energy_y)


def cka(cross: Float[Tensor, "d e"], self_x: Float[Tensor, "d _d"], self_y: Float[Tensor, "e _e"]) -> float:
    r"""Return the linear CKA, :math:`\|S_{xy}\|_F^2 / (\|S_{xx}\|_F \|S_{yy}\|_F)` (Kornblith et al., ICML 2019).

    Biased upwards where rows are few against channels; `Sums.debiased_cka` is not.

    Example:
        >>> moment = torch.diag(torch.tensor([3.0, 4.0], dtype=torch.float64))
        >>> round(cka(moment, moment, moment), 12)
        1.0
    """
    return _cosine(cross.square().sum().item(), self_x.square().sum().item(), self_y.square().sum().item())


def canonical_correlations(
    cross: Float[Tensor, "d e"], self_x: Float[Tensor, "d _d"], self_y: Float[Tensor, "e _e"], *, cut: float = 1e-10
) -> Float[Tensor, " k"]:
    r"""Return the canonical correlations, the singular values of :math:`S_{xx}^{-1/2} S_{xy} S_{yy}^{-1/2}`.

    Args:
        cross: :math:`S_{xy}`.
        self_x: :math:`S_{xx}`.
        self_y: :math:`S_{yy}`.
        cut: Directions whose eigenvalue is below this share of the largest count as absent.

    Returns:
        Correlations in decreasing order, as many as the smaller of the two ranks.
    """
    white_x, white_y = _whitener(self_x, cut), _whitener(self_y, cut)
    return torch.linalg.svdvals(white_x @ cross @ white_y.mT).clamp(max=1.0)


def pwcca(
    cross: Float[Tensor, "d e"], self_x: Float[Tensor, "d _d"], self_y: Float[Tensor, "e _e"], *, cut: float = 1e-10
) -> float:
    r"""Return the projection-weighted CCA (Morcos, Raghu & Bengio, NeurIPS 2018), weighted by the first side.

    Canonical correlations :math:`ρ_i` are averaged with weights :math:`α_i = Σ_j |⟨h_i, x_j⟩|`, how much of the
    channels of `x` each canonical variable :math:`h_i` accounts for.

    Returns:
        A number between 0 and 1; NaN where one side has no energy.
    """
    white_x, white_y = _whitener(self_x, cut), _whitener(self_y, cut)
    if not (len(white_x) and len(white_y)):
        return math.nan
    left, values, _ = torch.linalg.svd(white_x @ cross @ white_y.mT, full_matrices=False)
    # The canonical variables are h = leftᵀ white_x x, so ⟨h_i, x_j⟩ = (leftᵀ white_x S_xx)_{ij}.
    weights = (left.mT @ white_x @ self_x).abs().sum(1)
    return ((weights * values.clamp(max=1.0)).sum() / weights.sum()).item()


def explained_by(
    coefficients: Float[Tensor, "d e"],
    rotated: Float[Tensor, "d e"],
    self_x: Float[Tensor, "d _d"],
    energy_y: float,
) -> float:
    """Return the share of energy that a linear map explains on other rows than it was fitted to.

    Args:
        coefficients: `B`, of `y ≈ Bᵀ x`.
        rotated: The cross moment of the other rows, in the basis of the coefficients.
        self_x: The second moment of the predictor on those rows, in that basis.
        energy_y: Energy of the target on those rows.

    Returns:
        One minus the relative error; it can be negative.
    """
    if not energy_y > 0:
        return math.nan
    shared = (coefficients * rotated).sum().item()
    mapped = (coefficients * (self_x @ coefficients)).sum().item()
    return (2 * shared - mapped) / energy_y


def _whitener(moment: Float[Tensor, "d _d"], cut: float) -> Float[Tensor, "r d"]:
    values, vectors = torch.linalg.eigh(moment)
    if not bool(torch.isfinite(values).all()):
        raise AlignmentError("canonical correlations need finite second moments, got NaN or Inf")
    live = values > cut * values[-1]
    return (vectors[:, live] / values[live].sqrt()).mT if values[-1] > 0 else vectors[:, :0].mT


def _cosine(shared: float, square_x: float, square_y: float) -> float:
    return shared / math.sqrt(square_x * square_y) if square_x > 0 and square_y > 0 else math.nan
