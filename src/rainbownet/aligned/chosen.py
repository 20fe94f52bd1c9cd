"""The ridge of a reader, chosen: by the error on held-out images, or by leave-one-out where none are held out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.aligned.polar import completed, polar_factor
from rainbownet.aligned.ridge import left_out_errors
from rainbownet.moments import CrossMoment

RIDGES = torch.logspace(-6, 2, 33, dtype=torch.float64)
"""Ridges that are tried, relative to the mean energy of a sampled channel."""

NOISE = 8 * torch.finfo(torch.float32).eps
"""Singular values of a cross moment, relative to the largest, that rounding of activations in float32 can make."""

EQUAL = 1e-12
"""Errors, relative to the reference's energy, that differ by less are equal."""


@dataclass(frozen=True)
class Choice:
    """A map and what it was made with.

    Attributes:
        map: Map from sampled to reference channels.
        ridge: The ridge relative to the mean energy of a sampled channel, infinite for the rotation itself; NaN where
            the alignment has none.
        toward: What the ridge shrinks to; empty where the alignment has none.
    """

    map: Inexact[Tensor, "d e"]
    ridge: float = math.nan
    toward: str = ""


def scaled_rotation(moment: CrossMoment, *, tol: float | None = None) -> Inexact[Tensor, "d e"]:
    """Return the scaled Procrustes map, completed on directions without activations.

    Args:
        moment: Cross moment.
        tol: What counts as no direction, see `polar_factor`.
    """
    return completed(polar_factor(moment.cross, tol=tol)) * math.sqrt(moment.left_energy / moment.right_energy)


def choose(moment: CrossMoment, held: CrossMoment | None, towards: Sequence[str]) -> Choice:
    r"""Return the map of least error among ridges toward zero and toward the scaled rotation, and that rotation.

    With :math:`Σ' = V \mathrm{diag}(s) V^H` the maps are :math:`A = A_0 + (M - A_0 Σ') V (s + λ)^{-1} V^H` for every
    ridge λ from one eigendecomposition, :math:`A_0` being zero or the scaled rotation. Each family's ridge has the
    least generalised leave-one-out error (Golub, Heath & Wahba, Technometrics 1979). Between the families, and the
    rotation itself, the error on held-out images decides; where none are held out the same leave-one-out error does.

    Args:
        moment: Moments of the images fitted, with the self moment of the sampled network.
        held: Those of held-out images, if any.
        towards: Which of "zero" and "rotation" are tried.

    Returns:
        The map, its ridge and what it shrinks to.
    """
    values, vectors = torch.linalg.eigh(moment.right)
    # Rounding can leave a semi-definite moment slightly negative.
    values = values.clamp(min=0.0)
    ridges = RIDGES.to(values) * values.mean()
    candidates: list[tuple[float, Choice]] = []
    # The rotation comes first: of equal errors the simplest map has it.
    for toward in sorted(towards):
        goal = scaled_rotation(moment, tol=NOISE) if toward == "rotation" else None
        rotated = _rest(moment, goal) @ vectors
        errors = _left_out(rotated, values, ridges, moment, goal)
        best = int(errors.argmin()) if errors.isfinite().any() else len(ridges) - 1
        if goal is not None:
            error = _left_out_rotation(moment, goal) if held is None else held_out_error(goal, held)
            candidates.append((error, Choice(goal, math.inf, toward)))
        map = (rotated / (values + ridges[best])) @ vectors.mH
        map = map if goal is None else goal + map
        error = errors[best].item() if held is None else held_out_error(map, held)
        candidates.append((error, Choice(map, RIDGES[best].item(), toward)))
    least = min(error for error, _ in candidates) + EQUAL * moment.left_energy
    return next(choice for error, choice in candidates if error <= least or math.isinf(least))


def held_out_error(map: Inexact[Tensor, "d e"], held: CrossMoment) -> float:
    r"""Return :math:`E\|z - A z'\|^2` on other rows."""
    return max(_rest_energy(held, map), 0.0)


def _rest(moment: CrossMoment, goal: Tensor | None) -> Tensor:
    """Return the cross moment of what the goal leaves, `z - A₀ z'`."""
    return moment.cross if goal is None else moment.cross - goal @ moment.right


def _rest_energy(moment: CrossMoment, goal: Tensor | None) -> float:
    if goal is None:
        return moment.left_energy
    shared = (goal * moment.cross.conj()).sum().real.item()
    return moment.left_energy - 2 * shared + ((goal @ moment.right) * goal.conj()).sum().real.item()


def _left_out(
    rotated: Tensor, values: Tensor, ridges: Tensor, moment: CrossMoment, goal: Tensor | None
) -> Float[Tensor, " k"]:
    """Return the generalised leave-one-out error for every ridge."""
    square, energy, spent = rotated.abs().square().sum(0), _rest_energy(moment, goal), torch.zeros_like(ridges)
    if goal is not None:
        # What a ridge takes away from the map it leaves to the isometry, with the free numbers that has.
        spent = _free(moment) * (ridges[:, None] / (values + ridges[:, None])).mean(1)
    return left_out_errors(square, values, ridges, energy, moment.count, spent)


def _left_out_rotation(moment: CrossMoment, goal: Tensor) -> float:
    """Return the generalised leave-one-out error of the rotation itself."""
    left = 1 - _free(moment) / moment.count
    return _rest_energy(moment, goal) / left**2 if left > 0 else math.inf


def _free(moment: CrossMoment) -> float:
    """Return the degrees of freedom of an isometry for each channel it predicts."""
    d, e = moment.left_dim, moment.right_dim
    least = min(d, e)
    return (d * e - least * (least + 1) / 2) / d
