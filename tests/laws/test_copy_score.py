"""The copy score: 1 for copies, the baseline for a Gaussian draw."""

import pytest
import torch

from laws.populations import BLOCKS, generator, neurons
from rainbownet.laws import Gaussian, Smoothed, copy_score


def test_copies_score_one_whatever_their_sign_and_scale() -> None:
    rows = neurons(30)
    scales = torch.linspace(-3, 2, 30, dtype=torch.float64)[:, None]
    score = copy_score(scales * rows, rows, generator=generator())
    assert score.score == pytest.approx(1, abs=1e-12)
    assert score.baseline < 0.95


def test_orthogonal_neurons_score_zero() -> None:
    basis = torch.eye(6, dtype=torch.float64)
    assert copy_score(basis[:3], basis[3:], generator=generator()).score == 0


def test_the_score_is_the_mean_of_the_largest_cosines() -> None:
    drawn, trained = neurons(5, seed=1), neurons(7)
    best = [max(abs(torch.nn.functional.cosine_similarity(d, t, dim=0).item()) for t in trained) for d in drawn]
    assert copy_score(drawn, trained, generator=generator()).score == pytest.approx(sum(best) / 5, rel=1e-12)


def test_gaussian_draws_score_their_baseline_and_smoothed_ones_more() -> None:
    rows = neurons(60)
    gaussian = copy_score(Gaussian().fit(rows, BLOCKS).draw(2000, generator=generator(1)), rows, generator=generator())
    smoothed = copy_score(
        Smoothed(0.3).fit(rows, BLOCKS).draw(2000, generator=generator(1)), rows, generator=generator()
    )
    assert gaussian.score == pytest.approx(gaussian.baseline, abs=0.01)
    assert smoothed.score > smoothed.baseline + 0.05
