"""Rows and the change of basis: a weight read through a map sees the activations it saw before."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import fx

from rainbownet.aligned.basis import channel_rows, map_size, read_through
from rainbownet.graph import Reader

NODE = fx.Graph().placeholder("x")


def reader(*, axis=1, dim=1, groups=1, outer=1, channels=1, inner=1) -> Reader:
    return Reader("layer.weight", axis, NODE, NODE, dim, groups, outer, channels, inner, False)


sizes = st.integers(1, 4)


@given(sizes, sizes, sizes, st.sampled_from(["channels", "features"]))
def test_a_linear_weight_read_through_a_map_gives_the_same_outputs(outer, channels, inner, flatten):
    generator = torch.Generator().manual_seed(0)
    r = reader(outer=outer, channels=channels, inner=inner)
    d, e = map_size(r, flatten), map_size(r, flatten) + 1
    wide = e * outer * inner if flatten == "channels" else e
    new = torch.randn(7, wide, generator=generator, dtype=torch.float64)
    a = torch.randn(1, d, e, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, outer * channels * inner, generator=generator, dtype=torch.float64)
    if flatten == "channels":
        z = torch.einsum("de,noep->nodp", a[0], new.view(7, outer, e, inner)).reshape(7, -1)
    else:
        z = new @ a[0].T
    torch.testing.assert_close(new @ read_through(weight, r, a, flatten).T, z @ weight.T)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_read_through_a_map_gives_the_same_outputs(groups):
    generator = torch.Generator().manual_seed(0)
    new = torch.randn(2, 6, 5, 5, generator=generator, dtype=torch.float64)
    a = torch.randn(groups, 4 // groups, 6 // groups, generator=generator, dtype=torch.float64)
    weight = torch.randn(8, 4 // groups, 3, 3, generator=generator, dtype=torch.float64)
    z = torch.einsum("gde,ngehw->ngdhw", a, new.view(2, groups, 6 // groups, 5, 5)).reshape(2, 4, 5, 5)
    moved = read_through(weight, reader(channels=4, groups=groups), a)
    torch.testing.assert_close(
        torch.conv2d(new, moved, groups=groups), torch.conv2d(z, weight, groups=groups), rtol=1e-9, atol=1e-9
    )


def test_a_transposed_convolution_reads_its_first_axis():
    generator = torch.Generator().manual_seed(0)
    new = torch.randn(2, 6, 4, 4, generator=generator, dtype=torch.float64)
    a = torch.randn(1, 3, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 5, 2, 2, generator=generator, dtype=torch.float64)
    moved = read_through(weight, reader(axis=0, channels=3), a)
    z = torch.einsum("de,nehw->ndhw", a[0], new)
    torch.testing.assert_close(torch.conv_transpose2d(new, moved), torch.conv_transpose2d(z, weight))


@given(sizes, sizes, sizes)
def test_rows_are_images_and_positions(outer, channels, inner):
    n = 3
    value = torch.arange(n * outer * channels * inner).reshape(n, outer, channels, inner)
    r = reader(outer=outer, channels=channels, inner=inner)
    rows = channel_rows(value.reshape(n, -1).float(), r)
    assert rows.shape == (1, n * outer * inner, channels)
    expected = value.movedim(2, -1).reshape(-1, channels)
    assert torch.equal(rows[0].long(), expected)
    assert channel_rows(value.reshape(n, -1).float(), r, "features").shape == (1, n, outer * channels * inner)


def test_groups_have_rows_of_their_own():
    value = torch.randn(2, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    rows = channel_rows(value, reader(channels=6, groups=3))
    assert rows.shape == (3, 18, 2)
    assert torch.equal(rows[1], value[:, 2:4].movedim(1, -1).reshape(-1, 2))


def test_complex_weights_take_complex_maps_and_real_ones_real_maps():
    generator = torch.Generator().manual_seed(0)
    new = torch.randn(4, 5, generator=generator, dtype=torch.complex128)
    a = torch.randn(1, 3, 5, generator=generator, dtype=torch.complex128)
    weight = torch.randn(2, 3, generator=generator, dtype=torch.complex128)
    moved = read_through(weight, reader(channels=3), a)
    torch.testing.assert_close(new @ moved.T, (new @ a[0].T) @ weight.T)
    single = read_through(weight.to(torch.complex64), reader(channels=3), a)
    assert single.dtype is torch.complex64
