"""The table from activations, as modules or functions, to their dual activations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rainbownet.errors import RainbowError
from rainbownet.limit import closed
from rainbownet.limit.hermite import HermiteDual
from rainbownet.limit.piecewise import PiecewiseLinear, step_with_mean

Centred = Callable[[Tensor, Tensor, Tensor], Tensor]
Shifted = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Dual:
    r"""A dual activation :math:`\mathbb{E}\,\sigma(u)\,\sigma(v)` of Gaussian variables, without and with means.

    Attributes:
        centred: Function of the Gram entries `(p, c, q)`: variance, covariance, variance.
        shifted: Function of `(p, c, q, mean_p, mean_q)`.
    """

    centred: Centred
    shifted: Shifted

    @classmethod
    def from_shifted(cls, shifted: Shifted) -> "Dual":
        """Return the dual whose centred form is the other at means zero."""

        def centred(p: Tensor, c: Tensor, q: Tensor) -> Tensor:
            return shifted(p, c, q, torch.zeros_like(p), torch.zeros_like(q))

        return cls(centred, shifted)


_Factory = Callable[[Any], Dual]
_REGISTRY: dict[Any, _Factory] = {}


def register(*activations: Any) -> Callable[[_Factory], _Factory]:
    """Register the factory of the dual of module types or functions; a later registration replaces an earlier.

    Args:
        activations: `nn.Module` types or functions.

    Returns:
        Decorator of a function from the activation (the module instance, or the function) to its :class:`Dual`.

    Example:
        >>> class Square(nn.Module):
        ...     def forward(self, x): return x**2
        >>> @register(Square)
        ... def _(module): return Dual(closed.polynomial([0.0, 0.0, 1.0]), HermiteDual(module))
        >>> one = torch.ones((), dtype=torch.float64)
        >>> dual_activation(Square()).centred(one, one, one).round(decimals=6)
        tensor(3., dtype=torch.float64)
    """

    def decorate(factory: _Factory) -> _Factory:
        for activation in activations:
            _REGISTRY[activation] = factory
        return factory

    return decorate


def dual_activation(
    activation: nn.Module | Callable[[Tensor], Tensor], *, order: int = 128, kinks: tuple[float, ...] = ()
) -> Dual:
    """Return the dual of an activation: the registered form, else its Hermite expansion.

    Args:
        activation: Module or pointwise function. A subclass of a registered module is not taken for its parent.
        order: Hermite coefficients of an activation without registered form.
        kinks: Points where such an activation is not smooth.

    Returns:
        The dual activation.

    Raises:
        RainbowError: If the activation is a type rather than an instance, or is not pointwise.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> dual_activation(nn.ReLU()).centred(one, one, one)
        tensor(0.5000, dtype=torch.float64)
    """
    if isinstance(activation, type):
        raise RainbowError(
            f"activation: got the type {activation.__name__}; pass an instance, as in {activation.__name__}()"
        )
    key = type(activation) if isinstance(activation, nn.Module) else activation
    factory = _REGISTRY.get(key)
    if factory is not None:
        return factory(activation)
    return Dual.from_shifted(HermiteDual(activation, order=order, kinks=kinks))


def _leaky(slope: float) -> Dual:
    shifted = PiecewiseLinear(knots=(0.0,), bends=(1.0 - slope,), slope=slope)
    return Dual(closed.leaky_relu(slope) if slope else closed.relu, shifted)


def _clip(low: float, high: float) -> Dual:
    return Dual.from_shifted(PiecewiseLinear(knots=(low, high), bends=(1.0, -1.0), intercept=low))


@register(nn.Identity)
def _identity(_: Any) -> Dual:
    return Dual(closed.identity, lambda p, c, q, mean_p, mean_q: c + mean_p * mean_q)


@register(nn.ReLU, functional.relu, torch.relu, Tensor.relu)
def _relu(_: Any) -> Dual:
    return _leaky(0.0)


@register(nn.LeakyReLU)
def _leaky_relu(module: nn.LeakyReLU) -> Dual:
    return _leaky(module.negative_slope)


@register(functional.leaky_relu)
def _leaky_relu_function(_: Any) -> Dual:
    return _leaky(0.01)


@register(nn.PReLU)
def _prelu(module: nn.PReLU) -> Dual:
    if module.num_parameters != 1:
        raise RainbowError(
            f"activation: PReLU has {module.num_parameters} slopes; the neurons of a limit share one, so use PReLU(1)"
        )
    return _leaky(module.weight.item())


@register(nn.Hardtanh)
def _hardtanh(module: nn.Hardtanh) -> Dual:
    return _clip(float(module.min_val), float(module.max_val))


@register(functional.hardtanh)
def _hardtanh_function(_: Any) -> Dual:
    return _clip(-1.0, 1.0)


@register(nn.ReLU6, functional.relu6)
def _relu6(_: Any) -> Dual:
    return _clip(0.0, 6.0)


@register(nn.Hardsigmoid, functional.hardsigmoid)
def _hardsigmoid(_: Any) -> Dual:
    return Dual.from_shifted(PiecewiseLinear(knots=(-3.0, 3.0), bends=(1 / 6, -1 / 6)))


@register(nn.Softshrink)
def _softshrink(module: nn.Softshrink) -> Dual:
    width = float(module.lambd)
    return Dual.from_shifted(PiecewiseLinear(knots=(-width, width), bends=(-1.0, 1.0), slope=1.0, intercept=width))


@register(torch.abs, torch.absolute, Tensor.abs, abs)
def _absolute(_: Any) -> Dual:
    return Dual(closed.absolute, _leaky(-1.0).shifted)


@register(torch.sign, torch.sgn)
def _sign(_: Any) -> Dual:
    def shifted(p: Tensor, c: Tensor, q: Tensor, mean_p: Tensor, mean_q: Tensor) -> Tensor:
        both = step_with_mean(p, c, q, mean_p, mean_q)
        neither = step_with_mean(p, c, q, -mean_p, -mean_q)
        return 2 * (both + neither) - 1

    return Dual(closed.sign, shifted)


@register(torch.erf, torch.special.erf)
def _erf(_: Any) -> Dual:
    return Dual(closed.erf, HermiteDual(torch.erf))


@register(torch.sin)
def _sine(_: Any) -> Dual:
    return Dual(closed.sine, HermiteDual(torch.sin))


@register(torch.cos)
def _cosine(_: Any) -> Dual:
    return Dual(closed.cosine, HermiteDual(torch.cos))


@register(functional.gelu)
def _gelu(_: Any) -> Dual:
    return Dual(closed.gelu, HermiteDual(functional.gelu))


@register(nn.GELU)
def _gelu_module(module: nn.GELU) -> Dual:
    expansion = HermiteDual(module)
    return Dual(closed.gelu, expansion) if module.approximate == "none" else Dual.from_shifted(expansion)


@register(nn.ELU, nn.SELU, nn.CELU, functional.elu, functional.selu, functional.celu)
def _elu(activation: Any) -> Dual:
    return Dual.from_shifted(HermiteDual(activation, kinks=(0.0,)))


@register(nn.Hardswish, functional.hardswish)
def _hardswish(activation: Any) -> Dual:
    return Dual.from_shifted(HermiteDual(activation, kinks=(-3.0, 3.0)))
