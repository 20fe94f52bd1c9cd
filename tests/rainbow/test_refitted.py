"""Refitted classifiers: the ridge is chosen by what it does on images it was not fitted to."""

import torch

from rainbownet.rainbow.classifier import logistic_regression, ridge_classifier


def features(n: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return 120 noisy features whose first five say the class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(5, (n,), generator=generator)
    x = torch.randn(n, 120, dtype=torch.float64, generator=generator)
    x[torch.arange(n), y] += 2.0
    return x, y


def right(classifier: tuple[torch.Tensor, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> float:
    w, b = classifier
    return ((x @ w.T + b).argmax(1) == y).double().mean().item()


def test_the_chosen_ridge_classifies_new_images_better_than_a_small_one() -> None:
    (x, y), new = features(150, seed=0), features(4000, seed=1)
    chosen, small = (right(ridge_classifier(x, y, 5, ridge=ridge), *new) for ridge in (None, 1e-3))
    assert chosen > small + 0.03


def test_the_chosen_penalty_of_logistic_regression_is_no_worse_than_the_small_one() -> None:
    (x, y), new = features(150, seed=0), features(4000, seed=1)
    chosen, small = (right(logistic_regression(x, y, 5, ridge=ridge), *new) for ridge in (None, 1e-4))
    assert chosen > small


def test_a_given_ridge_is_the_textbooks() -> None:
    x, y = features(200, seed=0)
    w, b = ridge_classifier(x, y, 5, ridge=0.1)
    a, t = x - x.mean(0), 2.0 * torch.nn.functional.one_hot(y, 5).double() - 1
    gram = a.T @ a + 0.1 * a.square().sum() / 120 * torch.eye(120).double()
    expected = torch.linalg.solve(gram, a.T @ (t - t.mean(0))).T
    torch.testing.assert_close(w, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(b, t.mean(0) - w @ x.mean(0), rtol=0, atol=1e-10)
