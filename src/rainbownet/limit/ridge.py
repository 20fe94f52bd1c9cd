"""Ridge regression in the space of a kernel, from its Gram matrix or from features, and the norm of what it fits."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rainbownet.errors import RainbowError


@dataclass(frozen=True)
class RidgeFit:
    r"""A linear function of features, or of kernel values with the training rows.

    Attributes:
        weights: One column per target: coefficients of the features, or of the kernel values.
        intercept: Constant term of each target.
        norm: Norm :math:`\|f\|` of each target's function in the kernel's space, without its constant.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
        >>> fit = feature_ridge(x, 3 * x + 1, ridge=0.0)
        >>> fit(x).T.round(decimals=9), fit.norm.round(decimals=9)
        (tensor([[1., 4., 7.]], dtype=torch.float64), tensor([3.], dtype=torch.float64))
    """

    weights: Float[Tensor, "d t"]
    intercept: Float[Tensor, " t"]
    norm: Float[Tensor, " t"]

    def __call__(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b t"]:
        """Return the predictions for rows of features, or of kernel values with the training rows."""
        return features.double() @ self.weights + self.intercept


def feature_ridge(
    features: Float[Tensor, "n d"], targets: Float[Tensor, "n t"], *, ridge: float = 1e-3, intercept: bool = True
) -> RidgeFit:
    r"""Return the minimiser of :math:`\|\Phi\theta + b - Y\|^2 + \lambda\,\frac{\|\Phi\|^2}{n}\,\|\theta\|^2`.

    Args:
        features: Features :math:`\Phi`; its norm is taken after centring if there is an intercept.
        targets: Targets `Y`.
        ridge: Regularisation :math:`\lambda`, relative to the mean energy of a row. At 0 the solution of least norm.
        intercept: Whether to fit the constant `b`.

    Returns:
        The fit, in float64.

    Raises:
        RainbowError: If `ridge` is negative.

    Example:
        >>> feature_ridge(torch.eye(2), torch.eye(2), ridge=1.0, intercept=False).weights.round(decimals=6).abs()
        tensor([[0.5000, 0.0000],
                [0.0000, 0.5000]], dtype=torch.float64)
    """
    _check_ridge(ridge)
    x, y = features.double(), targets.double()
    mean_x = x.mean(0) if intercept else x.new_zeros(x.shape[1])
    mean_y = y.mean(0) if intercept else y.new_zeros(y.shape[1])
    u, s, vh = torch.linalg.svd(x - mean_x, full_matrices=False)
    weights = vh.mH @ (_filter(s**2, ridge, len(x))[:, None] * s[:, None] * (u.mH @ (y - mean_y)))
    return RidgeFit(weights, mean_y - mean_x @ weights, torch.linalg.vector_norm(weights, dim=0))


def kernel_ridge(
    gram: Float[Tensor, "n n"], targets: Float[Tensor, "n t"], *, ridge: float = 1e-3, intercept: bool = True
) -> RidgeFit:
    """Return the same minimiser as :func:`feature_ridge`, in the whole space of the kernel, from the Gram matrix alone.

    Args:
        gram: Kernel matrix of the training rows.
        targets: Targets.
        ridge: Regularisation, relative to the mean diagonal of the (centred) Gram matrix.
        intercept: Whether to fit a constant.

    Returns:
        The fit; call it with the kernel values between new rows and the training rows.

    Raises:
        RainbowError: If `ridge` is negative.

    Example:
        >>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
        >>> fit = kernel_ridge(x @ x.T, 2 * x, ridge=0.0)
        >>> fit(torch.tensor([[3.0]], dtype=torch.float64) @ x.T).round(decimals=9), fit.norm.round(decimals=9)
        (tensor([[6.]], dtype=torch.float64), tensor([2.], dtype=torch.float64))
    """
    _check_ridge(ridge)
    k, y = gram.double(), targets.double()
    mean_y = y.mean(0) if intercept else y.new_zeros(y.shape[1])
    centred = centre_gram(k) if intercept else k
    values, vectors = torch.linalg.eigh(centred)
    # Directions of no energy but rounding's would otherwise enter the norm, divided by the square of the ridge.
    values = torch.where(values > len(k) * torch.finfo(values.dtype).eps * values.max(), values, 0.0)
    filtered = _filter(values, ridge, len(k))[:, None] * (vectors.mH @ (y - mean_y))
    coefficients, norm = vectors @ filtered, (values[:, None] * filtered**2).sum(0).sqrt()
    if not intercept:
        return RidgeFit(coefficients, mean_y, norm)
    # Centring a new row against the training rows is linear: it moves into the coefficients and the constant.
    constant = mean_y - k.mean(0) @ (coefficients - coefficients.mean(0))
    return RidgeFit(coefficients - coefficients.mean(0), constant, norm)


def rkhs_norm(
    features: Float[Tensor, "n d"], outputs: Float[Tensor, "n t"], *, ridge: float = 0.0
) -> tuple[Float[Tensor, " t"], Float[Tensor, " t"]]:
    r"""Return the norm of the smallest function of the kernel's space that gives these outputs.

    It is the :math:`\|f\|` of R's Theorem 2.

    Args:
        features: Features of the kernel, as :class:`rainbownet.limit.nystrom.NystromFeatures` gives them.
        outputs: Values of the function, such as the logits of a trained network.
        ridge: Regularisation of the fit; at 0 the values are met as closely as the features can.

    Returns:
        The norm for each output, and the relative error :math:`\|\hat f - f\| / \|f\|` left on the rows, without which
        the norm means little.

    Example:
        >>> norm, error = rkhs_norm(2 * torch.eye(2), torch.tensor([[1.0], [1.0]]))
        >>> norm, error < 1e-12
        (tensor([0.7071], dtype=torch.float64), tensor([True]))
    """
    fit = feature_ridge(features, outputs, ridge=ridge, intercept=False)
    scale = torch.linalg.vector_norm(outputs.double(), dim=0)
    residual = torch.linalg.vector_norm(fit(features) - outputs.double(), dim=0)
    return fit.norm, residual / torch.where(scale > 0, scale, 1.0)


def class_targets(labels: Int[Tensor, " n"], classes: int | None = None) -> Float[Tensor, "n t"]:
    """Return targets for classification by regression: one for the class, zero elsewhere.

    The class predicted is the argmax of the regression.

    Args:
        labels: Class of each row.
        classes: Number of classes, by default one more than the largest label.

    Returns:
        Targets in float64.

    Example:
        >>> class_targets(torch.tensor([1, 0]))
        tensor([[0., 1.],
                [1., 0.]], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(labels.long(), -1 if classes is None else classes).double()


def centre_gram(gram: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Return the Gram matrix of the features less their mean.

    Args:
        gram: Gram matrix.

    Returns:
        Gram matrix whose rows and columns sum to zero.

    Example:
        >>> centre_gram(torch.ones(2, 2, dtype=torch.float64))
        tensor([[0., 0.],
                [0., 0.]], dtype=torch.float64)
    """
    return gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()


def _filter(energies: Tensor, ridge: float, rows: int) -> Tensor:
    """Return the regularised inverse of eigenvalues; at ridge 0 a pseudo-inverse, cut at rounding."""
    if ridge == 0:
        kept = energies > 1e-14 * energies.max()
        return torch.where(kept, 1 / torch.where(kept, energies, 1.0), 0.0)
    return 1 / (energies + ridge * (energies.sum() / rows).clamp_min(1e-300))


def _check_ridge(ridge: float) -> None:
    if not ridge >= 0:
        raise RainbowError(f"ridge: got {ridge}; expected a number >= 0")
