"""Polar factors: the rotation inside a matrix, by singular vectors on a CPU, by matrix products on accelerators."""

import math

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.errors import AlignmentError

QR_ABOVE = 100.0  # weights of the Halley map beyond which the Cholesky form would lose digits
NEAR_ONE = 1 - 1e-4  # where Newton–Schulz steps take over: more Halley steps would only lift rounding errors
MAX_PURIFICATIONS = 100


def polar_factor(moment: Inexact[Tensor, "d e"], *, tol: float | None = None) -> Inexact[Tensor, "d e"]:
    r"""Return the partial isometry closest to a matrix.

    With :math:`M = U S V^H` this is :math:`U V^H`, the solution of the orthogonal Procrustes problem (R6). On a CPU it
    is made of the singular vectors, or of the eigenvectors of a Hermitian matrix, which makes the factor of a positive
    one the identity to rounding. On accelerators, where these are slow, it is computed by the dynamically weighted
    Halley iteration (QDWH: Nakatsukasa, Bai & Gygi, SIAM J. Matrix Anal. Appl. 31, 2010), a handful of steps that lift
    every singular value above `tol` to 1. What lies below is numerically no direction: the factor of a deficient matrix
    is the partial isometry of its range, not completed; dead channels get rows and columns of zeros.

    Args:
        moment: Cross moment, reference channels × sampled channels.
        tol: Singular values below about `tol` times the largest count as zero; by default somewhat above the rounding
            error of the iteration, :math:`64\epsilon\sqrt{\max(d, e)}`: 2e-13 for 200 channels.

    Returns:
        Matrix of the shape of `moment` in double precision, whose singular values are 1 and, if it is deficient, 0.

    Raises:
        AlignmentError: If `moment` is not finite, or zero: then it has no direction.

    Example:
        >>> rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        >>> polar_factor(3.0 * rotation).round(decimals=10) + 0.0
        tensor([[ 0., -1.],
                [ 1.,  0.]], dtype=torch.float64)
    """
    matrix = moment.to(torch.complex128 if moment.is_complex() else torch.float64)
    if not torch.isfinite(matrix).all():
        raise AlignmentError(f"the polar factor of a {tuple(moment.shape)} matrix needs finite entries, got NaN or Inf")
    size = matrix.abs()
    rows, columns = (size.amax(1) > 0).nonzero()[:, 0], (size.amax(0) > 0).nonzero()[:, 0]
    if len(rows) == 0:
        raise AlignmentError(f"the polar factor of a {tuple(moment.shape)} matrix of zeros has no direction")
    live = matrix[rows][:, columns] / size.max()
    if tol is None:
        tol = 64 * torch.finfo(torch.float64).eps * math.sqrt(max(live.shape))
    factor = torch.zeros_like(matrix)
    factor[rows[:, None], columns] = _live_factor(live, tol)
    return factor


def completed(isometry: Inexact[Tensor, "d e"]) -> Inexact[Tensor, "d e"]:
    r"""Return an isometry that agrees with a partial one, closest to the identity where that says nothing.

    Directions that no image excites, such as dead channels, have no rotation of their own; a weight that reads them
    keeps its norm all the same. The completed polar factor of a positive semi-definite matrix is the identity.

    Args:
        isometry: Partial isometry `A`.

    Returns:
        :math:`A + U_0 Q V_0^H`, with bases of the complements of its ranges and :math:`Q` the polar factor of
        :math:`U_0^H J V_0`, `J` the identity of the shape of `A`.

    Example:
        >>> completed(torch.diag(torch.tensor([-1.0, 0.0])).double()).round(decimals=6) + 0.0
        tensor([[-1.,  0.],
                [ 0.,  1.]], dtype=torch.float64)
    """
    d, e = isometry.shape
    rank = round(isometry.abs().square().sum().item())
    if rank == min(d, e):
        return isometry
    left = torch.linalg.eigh(isometry @ isometry.mH)[1][:, : d - rank]
    right = torch.linalg.eigh(isometry.mH @ isometry)[1][:, : e - rank]
    u, _, vh = torch.linalg.svd(left[: min(d, e)].mH @ right[: min(d, e)], full_matrices=False)
    return isometry + left @ u @ vh @ right.mH


def _live_factor(matrix: Tensor, tol: float) -> Tensor:
    d, e = matrix.shape
    if d < e:
        return _live_factor(matrix.mH, tol).mH
    if d > e:
        q, r = torch.linalg.qr(matrix)
        return q @ _live_factor(r, tol)
    hermitian = bool((matrix - matrix.mH).abs().max() <= 8 * torch.finfo(torch.float64).eps)
    if matrix.device.type == "cpu":
        return _spectral_factor(matrix, tol, hermitian)
    return _iterated_factor(matrix, tol, hermitian)


def _spectral_factor(matrix: Tensor, tol: float, hermitian: bool) -> Tensor:
    """Return the factor from the directions whose singular values are above a tolerance."""
    if hermitian:
        values, u = torch.linalg.eigh(_hermitian_part(matrix))
        size, right = values.abs(), u * values.sgn()
    else:
        u, size, vh = torch.linalg.svd(matrix)
        right = vh.mH
    kept = size > tol * size.max()
    return u[:, kept] @ right[:, kept].mH


def _iterated_factor(matrix: Tensor, tol: float, hermitian: bool) -> Tensor:
    """Return the factor by Halley's iteration; McWeeny's purification :math:`3P^2 - 2P^3` takes out what lies below."""
    x, lower = _bound_norm(matrix), tol
    x = _hermitian_part(x) if hermitian else x
    while lower < NEAR_ONE:
        x, lower = _halley_step(x, lower)
        x = _hermitian_part(x) if hermitian else x
    return _isometric_part(x)


def _bound_norm(matrix: Tensor) -> Tensor:
    """Scale a matrix so that its largest singular value is at most, and close to, 1."""
    size = matrix.abs()
    bound = min(torch.linalg.matrix_norm(matrix).item(), math.sqrt((size.sum(0).max() * size.sum(1).max()).item()))
    # A few power iterations from the heaviest row: a bound too large by much would move the cut up by as much.
    vector = matrix[size.square().sum(1).argmax()].conj()
    estimate = 0.0
    for _ in range(20):
        vector = vector / torch.linalg.vector_norm(vector)
        image = matrix @ vector
        estimate = torch.linalg.vector_norm(image).item()
        vector = matrix.mH @ image
    return matrix / min(bound, 1.25 * estimate)


def _halley_step(x: Tensor, lower: float) -> tuple[Tensor, float]:
    """Apply the best Halley map for singular values in `[lower, 1]`; return its image and the new lower bound."""
    square = lower * lower
    root = math.sqrt(1 + (4 * (1 - square) / square**2) ** (1 / 3))
    a = root + math.sqrt(8 - 4 * root**2 + 8 * (2 - square) / (square * root)) / 2
    b = (a - 1) ** 2 / 4
    c = a + b - 1
    eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    if c > QR_ABOVE:
        q, _ = torch.linalg.qr(torch.cat([math.sqrt(c) * x, eye]))
        x = b / c * x + (a - b / c) / math.sqrt(c) * q[: len(x)] @ q[len(x) :].mH
    else:
        gram = torch.linalg.cholesky(eye + c * x.mH @ x)
        x = b / c * x + (a - b / c) * torch.cholesky_solve(x.mH, gram).mH
    return x, min(1.0, lower * (a + b * square) / (1 + c * square))


def _hermitian_part(x: Tensor) -> Tensor:
    return (x + x.mH) / 2


def _isometric_part(x: Tensor) -> Tensor:
    """Project out the directions that have not reached singular value 1, and polish those that have."""
    projector = _hermitian_part(x.mH @ x)
    eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    if torch.linalg.matrix_norm(projector - eye).item() > 1e-2:
        for _ in range(MAX_PURIFICATIONS):
            square = projector @ projector
            if torch.linalg.matrix_norm(square - projector).item() <= 1e-13 * math.sqrt(len(x)):
                break
            projector = _hermitian_part(3 * square - 2 * square @ projector)
        x = x @ projector
    # What was kept lies above 0.7, where Newton–Schulz steps converge quadratically; zeros stay zeros.
    for _ in range(8):
        gram = _hermitian_part(x.mH @ x)
        x = 1.5 * x - 0.5 * x @ gram
        if torch.linalg.matrix_norm(gram @ gram - gram).item() <= 1e-8:
            break
    return x
