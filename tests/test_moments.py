"""Moments: any batching, any number of processes, one value."""

import math
import os
import socket

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.multiprocessing.spawn import spawn

from rainbownet.errors import AlignmentError
from rainbownet.moments import ChannelMoment, CrossMoment

SUMS = ["cross", "left", "right", "left_second", "right_second"]


def pair(n: int, d: int, e: int, dtype: torch.dtype, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, d, dtype=dtype, generator=generator) + 1,
        torch.randn(n, e, dtype=dtype, generator=generator) - 2,
    )


def accumulate(left: torch.Tensor, right: torch.Tensor, *, splits: list[int] | None = None) -> CrossMoment:
    dtype = torch.complex128 if left.is_complex() else torch.float64
    moment = CrossMoment(left.shape[1], right.shape[1], left_self=True, means=True, dtype=dtype)
    for z, w in zip(left.tensor_split(splits or []), right.tensor_split(splits or []), strict=True):
        moment.update(z, w)
    return moment


def naive(left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.mean([np.outer(x, np.conj(y)) for x, y in zip(a, b, strict=True)], axis=0)

    return {
        "cross": outer(left, right),
        "left": outer(left, left),
        "right": outer(right, right),
        "left_second": np.mean(np.abs(left) ** 2, axis=0),
        "right_second": np.mean(np.abs(right) ** 2, axis=0),
    }


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_moments_are_the_means_of_outer_products(dtype: torch.dtype) -> None:
    left, right = pair(50, 4, 3, dtype)
    moment = accumulate(left, right)
    for name, expected in naive(left.numpy(), right.numpy()).items():
        np.testing.assert_allclose(getattr(moment, name).numpy(), expected, rtol=1e-13, atol=1e-14)
    assert moment.left_energy == pytest.approx(np.trace(moment.left.numpy()).real, rel=1e-13)
    assert moment.right_energy == pytest.approx(np.trace(moment.right.numpy()).real, rel=1e-13)
    assert moment.count == 50


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_centred_moments_are_those_of_rows_minus_their_mean(dtype: torch.dtype) -> None:
    left, right = pair(50, 4, 3, dtype)
    moment = accumulate(left, right, splits=[7, 30]).centred()
    centred = [(rows - rows.mean(0)).numpy() for rows in (left, right)]
    for name, expected in naive(*centred).items():
        np.testing.assert_allclose(getattr(moment, name).numpy(), expected, rtol=1e-12, atol=1e-13)
    assert moment.count == 50


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 40), max_size=6), st.sampled_from([torch.float64, torch.complex128]))
def test_every_split_of_the_rows_gives_one_value(cuts: list[int], dtype: torch.dtype) -> None:
    left, right = pair(40, 3, 5, dtype)
    whole, streamed = accumulate(left, right), accumulate(left, right, splits=sorted(cuts))
    for name in SUMS:
        torch.testing.assert_close(getattr(streamed, name), getattr(whole, name), rtol=1e-13, atol=1e-14)
    channels = ChannelMoment(3, dtype=dtype)
    for part in left.tensor_split(sorted(cuts)):
        channels.update(part)
    torch.testing.assert_close(channels.mean, left.mean(0), rtol=1e-13, atol=1e-14)
    expected = (left - left.mean(0)).abs().square().mean(0)
    torch.testing.assert_close(channels.variance, expected, rtol=1e-12, atol=1e-14)


def test_float32_rows_are_summed_in_float64() -> None:
    left, right = pair(200_000, 2, 2, torch.float32)
    moment = accumulate(left, right, splits=[10, 90_000])
    exact = left.double().T @ right.double() / len(left)
    assert moment.cross.dtype == torch.float64
    assert (moment.cross - exact).abs().max() < 1e-6 * exact.abs().max()


def test_variance_survives_a_mean_a_million_times_the_deviation() -> None:
    rows = torch.randn(1000, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 1e6
    moment = ChannelMoment(4)
    for batch in rows.split(64):
        moment.update(batch)
    torch.testing.assert_close(moment.variance, rows.var(0, correction=0), rtol=1e-9, atol=0)
    torch.testing.assert_close(moment.second, rows.square().mean(0), rtol=1e-13, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_channels_of_many_rows_at_once_have_their_mean_and_variance(dtype: torch.dtype) -> None:
    rows = torch.randn(1000, 3, dtype=dtype, generator=torch.Generator().manual_seed(2)) * 2 + 1
    moment = ChannelMoment(3, dtype=torch.complex128 if dtype.is_complex else torch.float64).update(rows)
    exact = rows.to(moment.mean.dtype)
    torch.testing.assert_close(moment.mean, exact.mean(0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(moment.variance, (exact - exact.mean(0)).abs().square().mean(0), rtol=1e-6, atol=0)


def test_half_precision_rows_are_multiplied_in_float32() -> None:
    left, right = pair(100, 3, 2, torch.bfloat16)
    torch.testing.assert_close(
        accumulate(left, right).cross, left.double().T @ right.double() / 100, rtol=1e-5, atol=1e-5
    )


def test_what_was_not_kept_is_an_error_that_says_how_to_keep_it() -> None:
    moment = CrossMoment(2, 2, right_self=False).update(torch.ones(1, 2), torch.ones(1, 2))
    assert not moment.keeps_right
    with pytest.raises(AlignmentError, match="right_self=True"):
        _ = moment.right
    with pytest.raises(AlignmentError, match="left_self=True"):
        _ = moment.left
    with pytest.raises(AlignmentError, match="means were not kept; make the moment with means=True"):
        moment.centred()


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (torch.ones(3, 2), torch.ones(4, 2), "3 left rows and 4 right rows"),
        (torch.ones(3, 5), torch.ones(3, 2), "5 channels, the moment was made for 2"),
        (torch.ones(3, 2, dtype=torch.complex64), torch.ones(3, 2), "complex128"),
    ],
)
def test_rows_that_do_not_fit_are_refused(left: torch.Tensor, right: torch.Tensor, message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        CrossMoment(2, 2).update(left, right)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (torch.ones(0, 2), torch.ones(0, 2), "conv1: no activations"),
        (torch.tensor([[1.0, math.nan]]), torch.ones(1, 2), "conv1: .*not finite.* 1 of 2 reference channels"),
        (torch.ones(1, 2), torch.zeros(1, 2), "conv1: .*sampled network are zero"),
    ],
)
def test_check_names_the_layer_and_what_is_wrong(left: torch.Tensor, right: torch.Tensor, message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        CrossMoment(2, 2).update(left, right).check("conv1")


def reduce_a_share(rank: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    left, right = pair(40, 3, 2, torch.complex128)
    share = slice(0, 13) if rank == 0 else slice(13, 40)
    moment = accumulate(left[share], right[share]).all_reduce()
    whole = accumulate(left, right)
    for name in SUMS:
        for ours, theirs in ((moment, whole), (moment.centred(), whole.centred())):
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-12, atol=1e-13)
    assert moment.count == 40
    channels = ChannelMoment(3, dtype=torch.complex128).update(left[share]).all_reduce()
    expected = ChannelMoment(3, dtype=torch.complex128).update(left)
    torch.testing.assert_close(channels.mean, expected.mean, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(channels.variance, expected.variance, rtol=1e-12, atol=1e-13)
    dist.destroy_process_group()


def test_two_processes_reduce_to_what_one_sees() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawn(reduce_a_share, args=(port,), nprocs=2)


def test_without_a_process_group_the_reduction_does_nothing() -> None:
    left, right = pair(5, 2, 2, torch.float64)
    moment = accumulate(left, right)
    before = moment.cross.clone()
    assert torch.equal(moment.all_reduce().cross, before)
