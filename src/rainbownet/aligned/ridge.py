"""Ridge regressions from moments: one eigendecomposition serves every ridge, and the best is found in closed form."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

RIDGES = torch.logspace(-8, 2, 41, dtype=torch.float64)
"""Ridges that are tried, in units of the mean eigenvalue of the predictor's second moment."""


def left_out_errors(
    square: Float[Tensor, " d"],
    values: Float[Tensor, " d"],
    ridges: Float[Tensor, " k"],
    energy: float,
    count: int,
    spent: float | Float[Tensor, " k"] = 0.0,
) -> Float[Tensor, " k"]:
    r"""Return the generalised leave-one-out error of each ridge, :math:`\mathrm{RSS}(λ) / (1 - \mathrm{dof}(λ)/n)^2`.

    Args:
        square: Squared norm of the cross moment along each eigenvector of the predictor, :math:`\|v^⊤ S_{xy}\|^2`.
        values: Eigenvalues of the predictor's second moment.
        ridges: The ridges, in their units.
        energy: Energy of the target.
        count: Number of rows.
        spent: Degrees of freedom spent otherwise.

    Returns:
        Errors; infinite where the fit spends as many degrees of freedom as there are rows.
    """
    shifted = values + ridges[:, None]
    explained = (square * (values + 2 * ridges[:, None]) / shifted.square()).sum(1)
    left = 1 - ((values / shifted).sum(1) + spent) / count
    error = (energy - explained).clamp(min=0.0) / left.square()
    error[left <= 0] = math.inf
    return error


@dataclass(frozen=True)
class Ridge:
    r"""Ridge regressions from one representation to any other, with the ridge chosen by generalised leave-one-out.

    With :math:`S_{xx} = V \mathrm{diag}(e) V^⊤` the coefficients are :math:`B_λ = V (e + λ)^{-1} V^⊤ S_{xy}`. The ridge
    minimises the generalised cross-validation :math:`\mathrm{RSS}(λ) / (1 - \mathrm{dof}(λ)/n)^2`, the rotation
    invariant form of the leave-one-out error (Golub, Heath & Wahba, Technometrics 1979), which moments give in closed
    form: one eigendecomposition serves every target and every ridge.

    Attributes:
        values: Eigenvalues `e` of the predictor's second moment.
        vectors: Its eigenvectors `V`.
        count: Number of rows.
        fitted_mean: 1 if a mean was fitted as well, else 0.
    """

    values: Float[Tensor, " d"]
    vectors: Float[Tensor, "d _d"]
    count: int
    fitted_mean: int

    @staticmethod
    def of(self_x: Float[Tensor, "d _d"], count: int, *, centred: bool) -> "Ridge":
        """Decompose the second moment of the predictor."""
        values, vectors = torch.linalg.eigh(self_x)
        return Ridge(values.clamp(min=0.0), vectors, count, int(centred))

    def choose(self, rotated: Float[Tensor, "d e"], energy_y: float) -> tuple[float, float]:
        r"""Return the best ridge and its leave-one-out share of explained energy.

        Args:
            rotated: :math:`V^⊤ S_{xy}`.
            energy_y: Trace of :math:`S_{yy}`.

        Returns:
            The ridge, and :math:`1 - \mathrm{GCV}/\mathrm{tr}\,S_{yy}`; NaN where a side has no energy.
        """
        unit = self.values.mean().item()
        if not (unit > 0 and energy_y > 0):
            return math.nan, math.nan
        ridges = RIDGES * unit
        square = rotated.square().sum(1)
        error = left_out_errors(square, self.values, ridges, energy_y, self.count, float(self.fitted_mean))
        best = int(error.argmin())
        return ridges[best].item(), 1 - error[best].item() / energy_y

    def coefficients(self, rotated: Float[Tensor, "d e"], ridge: float) -> Float[Tensor, "d e"]:
        """Return :math:`(e + λ)^{-1} V^⊤ S_{xy}`, the coefficients in the predictor's eigenbasis."""
        return rotated / (self.values + ridge)[:, None]
