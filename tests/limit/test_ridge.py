"""Ridge regression, norms and principal components in the space of a kernel."""

import pytest
import torch

from rainbownet.errors import RainbowError
from rainbownet.limit import (
    NystromFeatures,
    class_targets,
    dual_kernel,
    feature_ridge,
    gram_matrix,
    kernel_pca,
    kernel_ridge,
    rkhs_norm,
)


def problem(n=40, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x, torch.stack([torch.tanh(x[:, 0]) + 2, x[:, 1] * x[:, -1]], 1), generator


@pytest.mark.parametrize("intercept", [True, False])
def test_feature_ridge_solves_its_normal_equations(intercept):
    x, y, _ = problem()
    fit = feature_ridge(x, y, ridge=0.1, intercept=intercept)
    centred = x - x.mean(0) if intercept else x
    residual = fit(x) - y
    strength = 0.1 * (centred**2).sum() / len(x)
    torch.testing.assert_close(centred.T @ residual, -strength * fit.weights, rtol=1e-10, atol=1e-11)
    if intercept:
        torch.testing.assert_close(residual.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_kernel_and_feature_ridge_are_the_same_function(intercept, ridge):
    x, y, generator = problem()
    new = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    primal = feature_ridge(x, y, ridge=ridge, intercept=intercept)
    dual = kernel_ridge(x @ x.T, y, ridge=ridge, intercept=intercept)
    torch.testing.assert_close(dual(new @ x.T), primal(new), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(dual.norm, primal.norm, rtol=1e-9, atol=1e-9)


def test_kernel_ridge_at_zero_interpolates_and_its_norm_is_the_smallest():
    x, y, _ = problem()
    gram = gram_matrix(dual_kernel(torch.relu), x)
    fit = kernel_ridge(gram, y, ridge=0.0, intercept=False)
    torch.testing.assert_close(fit(gram), y, rtol=0, atol=1e-8)
    expected = (y * torch.linalg.solve(gram, y)).sum(0).sqrt()
    torch.testing.assert_close(fit.norm, expected, rtol=1e-6, atol=0)


def test_norm_of_a_planted_function_is_found():
    x, _, generator = problem(n=100)
    features = NystromFeatures.fit(dual_kernel(torch.relu), x[:20])(x)
    theta = torch.randn(features.shape[1], 3, generator=generator, dtype=torch.float64)
    norm, error = rkhs_norm(features, features @ theta)
    torch.testing.assert_close(norm, theta.norm(dim=0), rtol=1e-6, atol=0)
    assert error.max() < 1e-9


def test_error_says_when_a_function_is_outside_the_space():
    x, y, _ = problem()
    _, error = rkhs_norm(x[:, :1], y)
    assert error.min() > 0.5


def test_classification_separates_what_a_linear_function_cannot():
    x, _, _ = problem(n=400, d=2)
    labels = (x[:, 0] * x[:, 1] > 0).long()
    layer = dual_kernel(torch.relu)
    fit = kernel_ridge(gram_matrix(layer, x[:300]), class_targets(labels[:300]), ridge=1e-4)
    accuracy = (fit(layer(x[300:], x[:300])).argmax(1) == labels[300:]).double().mean()
    linear = feature_ridge(x[:300], class_targets(labels[:300]))
    linear_accuracy = (linear(x[300:]).argmax(1) == labels[300:]).double().mean()
    assert accuracy > 0.8 > 0.65 > linear_accuracy


def test_class_targets_count_the_classes_asked_for():
    assert class_targets(torch.tensor([0, 1]), 4).shape == (2, 4)


@pytest.mark.parametrize("centred", [True, False])
def test_pca_has_the_spectrum_of_the_gram_matrix(centred):
    x, _, _ = problem()
    features = NystromFeatures.fit(dual_kernel(torch.relu), x, cut=1e-14)(x)
    gram = dual_kernel(torch.relu)(x, x)
    if centred:
        projection = torch.eye(40, dtype=torch.float64) - 1 / 40
        gram = projection @ gram @ projection
    pca = kernel_pca(features, 10, centred=centred)
    torch.testing.assert_close(pca.variances, torch.linalg.eigvalsh(gram).flip(0)[:10] / 40, rtol=1e-8, atol=0)
    coordinates = pca(features)
    torch.testing.assert_close(coordinates.T @ coordinates / 40, pca.variances.diag(), rtol=0, atol=1e-10)


def test_wrong_requests_name_the_argument():
    x, y, _ = problem()
    for ridge in (-1.0, float("nan")):
        with pytest.raises(RainbowError, match="ridge"):
            feature_ridge(x, y, ridge=ridge)
        with pytest.raises(RainbowError, match="ridge"):
            kernel_ridge(x @ x.T, y, ridge=ridge)
    with pytest.raises(RainbowError, match="asked for 9 axes"):
        kernel_pca(x, 9)
