"""Gaussianity: normal rows pass at the level of the test, Laplace and uniform ones do not, and numbers are SciPy's."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import Tensor

from rainbownet.analysis.gaussianity import PUBLISHED, gaussianity, qq_table
from rainbownet.errors import RainbowError
from rainbownet.laws.factor import thin_factor

SPREAD = torch.tensor([4.0, 2.0, 1.0, 0.5]).double()


def rows_of(kind: str, n: int, seed: int = 0) -> Tensor:
    """Return rows whose principal axes are the coordinate axes, each coordinate of one kind and variance 1."""
    generator = np.random.default_rng(seed)
    draw = {
        "normal": lambda: generator.standard_normal((n, 4)),
        "laplace": lambda: generator.laplace(size=(n, 4)) / 2**0.5,
        "uniform": lambda: generator.uniform(-(3**0.5), 3**0.5, (n, 4)),
    }
    return torch.from_numpy(draw[kind]()) * SPREAD


def test_the_published_test_is_scipys_on_whitened_weights():
    rows, factor = rows_of("normal", 300), torch.diag(SPREAD)
    table = gaussianity(rows, factor, [1, 3])
    for _, row in table.iterrows():
        axis = int(row.direction) - 1
        expected = stats.kstest((rows[:, axis] / SPREAD[axis]).numpy(), "norm")
        assert row.p == pytest.approx(expected.pvalue, rel=1e-9)
        assert row.ks == pytest.approx(expected.statistic, rel=1e-9)
        assert row.eigenvalue == pytest.approx(SPREAD[axis].item() ** 2)


@pytest.mark.parametrize("centred", [False, True])
def test_the_corrected_test_is_scipys_monte_carlo(centred):
    rows = rows_of("uniform", 60, seed=3)
    table = gaussianity(rows, directions=[1, 2], centred=centred, simulations=3000)
    for _, row in table.iterrows():
        white = thin_factor(rows - rows.mean(0) if centred else rows)[0][:, int(row.direction) - 1].numpy()
        known = {} if centred else {"loc": 0}
        expected = stats.goodness_of_fit(
            stats.norm, white, known_params=known, statistic="ks", n_mc_samples=3000, rng=np.random.default_rng(0)
        )
        # SciPy's variance is the unbiased one where the mean is fitted as well or not: the distance moves by 1/n.
        assert row.ks_corrected == pytest.approx(expected.statistic, abs=0.01)
        assert row.p_corrected == pytest.approx(expected.pvalue, abs=0.04)


def test_normal_rows_pass_at_the_level_of_the_test_whatever_their_covariance():
    generator = torch.Generator().manual_seed(0)
    corrected, published = [], []
    for seed in range(60):
        rows = torch.randn(80, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
        table = gaussianity(rows, directions=[1, 2, 6], simulations=199, seed=seed)
        corrected += list(table.p_corrected)
        published += list(table.p)
    assert stats.kstest(corrected, "uniform").pvalue > 0.01
    # The variance fitted and then taken as known: far too few small p-values.
    assert np.mean(np.array(published) < 0.2) < np.mean(np.array(corrected) < 0.2)


@pytest.mark.parametrize(("kind", "sign"), [("laplace", 1), ("uniform", -1)])
def test_other_laws_are_detected(kind, sign):
    table = gaussianity(rows_of(kind, 600), directions=[1, 2, 3, 4])
    assert (table.p_corrected < 0.01).all()
    assert (sign * table.excess_kurtosis > 4 * table.excess_kurtosis_error).all()
    normal = gaussianity(rows_of("normal", 600), directions=[1, 2, 3, 4])
    assert (normal.p_corrected > 0.01).all()
    assert (normal.excess_kurtosis.abs() < 4 * normal.excess_kurtosis_error).all()


def test_p_of_the_kurtosis_is_uniform_for_normal_rows_and_small_for_tails_a_distance_does_not_see():
    generator = torch.Generator().manual_seed(3)
    found = [
        gaussianity(torch.randn(80, 3, generator=generator), directions=[1], simulations=199, seed=seed)
        for seed in range(150)
    ]
    assert stats.kstest(pd.concat(found).p_kurtosis, "uniform").pvalue > 0.01
    tails = torch.randn(300, 1, generator=generator, dtype=torch.float64)
    tails[:3] *= 4
    table = gaussianity(tails, directions=[1])
    assert table.p_corrected.item() > 0.05
    assert table.p_kurtosis.item() < 0.01


def test_large_samples_use_the_null_of_smaller_ones():
    rows = rows_of("normal", 9000)[:, :2]
    table = gaussianity(rows, directions=[1, 2], simulations=999)
    for _, row in table.iterrows():
        white = thin_factor(rows)[0][:, int(row.direction) - 1].numpy()
        expected = stats.goodness_of_fit(
            stats.norm, white, known_params={"loc": 0}, statistic="ks", n_mc_samples=400, rng=np.random.default_rng(0)
        )
        assert row.p_corrected == pytest.approx(expected.pvalue, abs=0.09)


def test_quantiles_lie_on_the_diagonal_for_normal_rows_only():
    normal = qq_table(rows_of("normal", 20_000), directions=[1, 4], points=9)
    assert list(normal.direction.unique()) == [1, 4]
    assert np.allclose(normal.normal, stats.norm.ppf(normal.probability))
    assert (normal.measured - normal.normal).abs().max() < 0.05
    uniform = qq_table(rows_of("uniform", 20_000), directions=[1], points=9)
    assert (uniform.measured - uniform.normal).abs().max() > 0.1


def test_directions_count_from_one_and_default_to_the_whole_range():
    table = gaussianity(rows_of("normal", 100))
    assert list(table.direction) == [1, 2, 3, 4]
    assert list(table.eigenvalue) == sorted(table.eigenvalue, reverse=True)
    wide = torch.randn(150, 120, generator=torch.Generator().manual_seed(0))
    assert list(gaussianity(wide, directions=PUBLISHED, simulations=9).direction) == [2, 11, 101]
    with pytest.raises(RainbowError, match="directions 1 to 4, got 0"):
        gaussianity(rows_of("normal", 100), directions=[0])


def test_seeds_repeat_themselves():
    rows = rows_of("normal", 50)
    one, same, other = (gaussianity(rows, simulations=99, seed=seed).p_corrected for seed in (0, 0, 1))
    assert one.equals(same)
    assert not one.equals(other)


def test_too_few_rows_are_refused():
    with pytest.raises(RainbowError, match="7 are too few"):
        gaussianity(rows_of("normal", 7))
    with pytest.raises(RainbowError, match="simulations"):
        gaussianity(rows_of("normal", 20), simulations=0)
