"""Pairs of activations: fitted and held-out rows apart, groups apart, real and imaginary parts as rows."""

import math

import pytest
import torch

from rainbownet.aligned import Procrustes, alignment_quality
from rainbownet.aligned.pairs import PairMoments, halves, mean_quality, rotation
from rainbownet.errors import AlignmentError, RainbowWarning
from rainbownet.moments import CrossMoment

G = torch.Generator().manual_seed(0)
LEFT, RIGHT = (torch.randn(2, 40, 3, dtype=torch.float64, generator=G) for _ in range(2))


def pair(**options) -> PairMoments:
    found = PairMoments("conv", **options)
    for part, held in ((slice(0, 25), False), (slice(25, 30), True), (slice(30, 40), False)):
        found.add(LEFT[:, part], RIGHT[:, part], held=held)
    return found


def test_fitted_and_held_out_rows_are_summed_apart_by_group():
    found = pair()
    held = found.held
    assert held is not None
    for g in range(2):
        rows = torch.cat([LEFT[g, :25], LEFT[g, 30:]]), torch.cat([RIGHT[g, :25], RIGHT[g, 30:]])
        torch.testing.assert_close(found.fitted[g].cross, rows[0].T @ rows[1] / 35)
        torch.testing.assert_close(held[g].cross, LEFT[g, 25:30].T @ RIGHT[g, 25:30] / 5)
    assert (found.fitted[0].count, held[0].count) == (35, 5)


def test_maps_are_solved_on_fitted_rows_and_measured_on_both():
    found = pair()
    maps = found.solve(Procrustes())
    fitted, held = found.quality(maps)
    assert held is not None
    for g in range(2):
        a, rows = maps[g], (LEFT[g, 25:30], RIGHT[g, 25:30])
        error = (rows[1] @ a.T - rows[0]).square().sum() / rows[0].square().sum()
        assert held[g].error == pytest.approx(error.item())
        cosine = ((rows[1] @ a.T) * rows[0]).sum() / ((rows[1] @ a.T).norm() * rows[0].norm())
        assert held[g].cosine == pytest.approx(cosine.item())
        assert fitted[g].rows == 35
    assert mean_quality(held, "error") == pytest.approx((held[0].error + held[1].error) / 2)
    assert math.isnan(mean_quality(None, "error"))


def test_without_the_self_moment_a_rotation_is_measured_all_the_same():
    kept, left = pair(), pair(right_self=False)
    maps = kept.solve(rotation)
    for a, b in zip(kept.quality(maps)[0], left.quality(maps)[0], strict=True):
        assert b.error == pytest.approx(a.error, rel=1e-12)
        assert b.cosine == pytest.approx(a.cosine, rel=1e-12)


def test_cosine_and_similarity_differ_by_what_a_map_loses():
    z = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, -5.0]], dtype=torch.float64)
    quality = alignment_quality(torch.eye(2, 3).double(), CrossMoment(2, 3).update(z[:, :2], z))
    assert quality.cosine == pytest.approx(1)
    assert quality.similarity == pytest.approx(2 / math.sqrt(2 * 52))


def test_few_rows_are_warned_of_and_dead_activations_refused_by_name():
    few = PairMoments("conv")
    few.add(LEFT[:, :2], RIGHT[:, :2], held=False)
    with pytest.warns(RainbowWarning, match=r"layer 'conv': 2 rows to align 3 channels on; give at least 30"):
        few.solve(Procrustes())
    dead = PairMoments("conv")
    dead.add(0 * LEFT, RIGHT, held=False)
    with pytest.raises(AlignmentError, match="layer 'conv': activations of the reference are zero"):
        dead.solve(Procrustes())


def test_complex_rows_have_complex_moments():
    z = torch.complex(LEFT, RIGHT)
    found = PairMoments("conv")
    found.add(z, z, held=False)
    torch.testing.assert_close(found.fitted[1].cross, z[1].T @ z[1].conj() / 40)
    assert found.held is None


@pytest.mark.parametrize(("fitted", "count", "parts"), [(3, 3, [False]), (0, 3, [True]), (2, 3, [False, True])])
def test_a_chunk_has_the_halves_that_have_images(fitted, count, parts):
    x = torch.arange(count)
    assert [held for held, _ in halves(fitted, count)] == parts
    assert torch.equal(torch.cat([x[part] for _, part in halves(fitted, count)]), x)
