"""The polar factor against SciPy's, on every shape and on deficient matrices."""

import numpy as np
import pytest
import scipy.linalg
import torch

from rainbownet.aligned import polar, polar_factor
from rainbownet.errors import AlignmentError

SHAPES = [(1, 1), (12, 12), (30, 8), (8, 30), (90, 90)]
DTYPES = [torch.float64, torch.complex128]


@pytest.fixture(autouse=True, params=["singular vectors", "iteration"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, that of a CPU and that of accelerators."""
    if request.param == "iteration":
        monkeypatch.setattr(polar, "_spectral_factor", polar._iterated_factor)


def frames(d: int, e: int, dtype: torch.dtype, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random orthonormal singular vectors."""
    generator = torch.Generator().manual_seed(seed)
    r = min(d, e)
    return (
        torch.linalg.qr(torch.randn(d, r, dtype=dtype, generator=generator))[0],
        torch.linalg.qr(torch.randn(e, r, dtype=dtype, generator=generator))[0],
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("d", "e"), SHAPES)
def test_full_rank_matrices_have_scipys_polar_factor(d: int, e: int, dtype: torch.dtype) -> None:
    matrix = torch.randn(d, e, dtype=dtype, generator=torch.Generator().manual_seed(3))
    expected, _ = scipy.linalg.polar(matrix.numpy())
    np.testing.assert_allclose(polar_factor(matrix).numpy(), expected, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smallest", [1e-4, 1e-8, 1e-12])
@pytest.mark.parametrize(("d", "e"), [(60, 60), (80, 40), (40, 80)])
def test_spread_singular_values_all_become_one(d: int, e: int, smallest: float, dtype: torch.dtype) -> None:
    u, v = frames(d, e, dtype)
    values = torch.logspace(0, np.log10(smallest), min(d, e), dtype=torch.float64)
    factor = polar_factor((u * values) @ v.mH)
    torch.testing.assert_close(torch.linalg.svdvals(factor), torch.ones_like(values), rtol=0, atol=1e-12)
    # A direction of singular value s is only known to eps / s.
    assert torch.linalg.matrix_norm(factor - u @ v.mH).item() < 1e-14 / smallest * min(d, e)
    torch.testing.assert_close(factor @ (v * values), u * values.to(dtype), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", [1, 5, 19])
@pytest.mark.parametrize(("d", "e"), [(20, 20), (50, 20), (20, 50), (200, 200)])
def test_deficient_matrices_give_the_partial_isometry_of_their_range(
    d: int, e: int, rank: int, dtype: torch.dtype
) -> None:
    u, v = (frame[:, :rank] for frame in frames(d, e, dtype, seed=rank))
    matrix = (u * torch.logspace(0, -3, rank, dtype=torch.float64)) @ v.mH
    torch.testing.assert_close(polar_factor(matrix), u @ v.mH, rtol=0, atol=1e-11)


def test_dead_channels_give_rows_and_columns_of_zeros() -> None:
    generator = torch.Generator().manual_seed(0)
    thresholds = torch.tensor([0.0, 0.5, 99.0, 1.0, 99.0, 2.0, 0.1], dtype=torch.float64)
    z = torch.relu(torch.randn(4000, 7, dtype=torch.float64, generator=generator) - thresholds)
    alive = (z.sum(0) > 0).double()
    torch.testing.assert_close(polar_factor(z.T @ z), torch.diag(alive), rtol=0, atol=1e-13)


def test_positive_matrices_have_the_identity_however_badly_conditioned() -> None:
    generator = torch.Generator().manual_seed(0)
    u, _ = frames(64, 64, torch.float64)
    z = torch.randn(2000, 64, dtype=torch.float64, generator=generator) * torch.logspace(0, -5, 64) @ u.T
    torch.testing.assert_close(polar_factor(z.T @ z), torch.eye(64, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-200, 1e150])
def test_the_factor_does_not_depend_on_the_scale(scale: float) -> None:
    matrix = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(polar_factor(scale * matrix), polar_factor(matrix), rtol=0, atol=1e-12)


def test_values_below_the_tolerance_are_no_direction() -> None:
    matrix = torch.diag(torch.tensor([1.0, 1e-2, 1e-7], dtype=torch.float64))
    expected = torch.diag(torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(polar_factor(matrix, tol=1e-4), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(torch.zeros(3, 2), r"\(3, 2\) matrix of zeros"), (torch.full((2, 2), float("nan")), "NaN or Inf")],
)
def test_matrices_without_direction_are_refused(matrix: torch.Tensor, message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        polar_factor(matrix)
