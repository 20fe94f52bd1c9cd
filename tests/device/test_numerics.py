"""Numbers on a device are those of the processor in double precision; a GPU is named by `RAINBOWNET_TEST_DEVICE`."""

import pytest
import torch

import rainbownet as rn
from cases import CASES
from rainbownet.aligned import polar_factor
from rainbownet.moments import ChannelMoment, CrossMoment

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12, torch.complex64: 2e-5, torch.complex128: 1e-12}
ALL = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
REAL = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def random(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Return Gaussian numbers, the same for every device."""
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def double(value: torch.Tensor) -> torch.Tensor:
    return value.cpu().to(torch.complex128 if value.is_complex() else torch.float64)


def near(found: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> bool:
    """Whether two results are as near as rounding allows, relative to the largest number."""
    return ((double(found) - double(wanted)).abs().max() <= tolerance * double(wanted).abs().max()).item()


def correlated(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows, and what a well-conditioned map makes of them, with noise."""
    x = random(400, 24, dtype=dtype) * torch.linspace(2, 1, 24).to(dtype)
    return x, x @ torch.linalg.qr(random(24, 24, dtype=dtype, seed=1))[0] + 0.1 * random(400, 24, dtype=dtype, seed=2)


def moment(x: torch.Tensor, y: torch.Tensor, **options: bool) -> CrossMoment:
    dtype = torch.complex128 if x.is_complex() else torch.float64
    return CrossMoment(x.shape[1], y.shape[1], dtype=dtype, device=x.device, **options).update(x, y)


@ALL
@pytest.mark.parametrize(("d", "e"), [(40, 40), (60, 20), (20, 60)])
def test_polar_factors(device, dtype, d, e):
    singular = torch.linspace(1, 0.2, min(d, e), dtype=torch.float64).to(dtype)
    u, v = (torch.linalg.qr(random(n, min(d, e), dtype=dtype, seed=n))[0] for n in (d, e))
    found = polar_factor(((u * singular) @ v.mH).to(device))
    assert found.device.type == device.type
    assert near(found, u @ v.mH, 10 * TOLERANCE[dtype])


@ALL
@pytest.mark.parametrize("rank", [1, 7])
def test_polar_factors_of_deficient_matrices(device, dtype, rank):
    u, v = (torch.linalg.qr(random(n, rank, dtype=dtype, seed=n))[0] for n in (30, 20))
    wanted = u @ v.mH
    # What rounding to the dtype adds to a matrix has every rank.
    found = polar_factor((3 * wanted).to(device), tol=100 * torch.finfo(dtype).eps)
    assert near(found, wanted, 20 * TOLERANCE[dtype])


@ALL
def test_moments(device, dtype):
    x, y = correlated(dtype)
    found = moment(x.to(device), y.to(device), means=True).centred()
    a, b = (double(part) - double(part).mean(0) for part in (x, y))
    assert near(found.cross, a.T @ b.conj() / len(a), TOLERANCE[dtype])
    channels = ChannelMoment(24, dtype=double(x).dtype, device=device).update(x.to(device))
    assert near(channels.variance, a.abs().square().mean(0), 10 * TOLERANCE[dtype])


@REAL
@pytest.mark.parametrize("alignment", [rn.Procrustes(), rn.LeastSquares(ridge=1e-3), rn.Permutation()], ids=repr)
def test_maps(device, dtype, alignment):
    x, y = correlated(dtype)
    found = alignment(moment(x.to(device), y.to(device)))
    wanted = alignment(moment(double(x), double(y)))
    assert near(found, wanted, 20 * TOLERANCE[dtype])


@REAL
@pytest.mark.parametrize("name", ["resnet", "norm_last", "shared_activation"])
@pytest.mark.parametrize("alignment", [rn.Procrustes(), rn.LeastSquares(ridge=0.0)], ids=["rotation", "least squares"])
def test_identity_draws(device, dtype, name, alignment):
    net, images = CASES[name].network().to(device, dtype), CASES[name].images().to(device, dtype)
    drawn = rn.fit(net, [images]).sample([images], draw="identity", alignment=alignment, holdout=0.0)
    with torch.no_grad():
        assert near(drawn(images), net(images), 1e-5 if dtype == torch.float32 else 1e-10)


@REAL
def test_a_seed_draws_the_same_network_as_on_the_processor(device, dtype):
    outputs = []
    for place in (device, torch.device("cpu")):
        net = CASES["resnet"].network().to(place, dtype)
        images = CASES["resnet"].images().to(place, dtype)
        sample = rn.fit(net, [images]).sample([images], width=2, seed=3, holdout=0.0)
        with torch.no_grad():
            outputs.append(sample(images))
    assert near(*outputs, 1e-2 if dtype == torch.float32 else 1e-7)
