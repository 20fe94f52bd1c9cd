"""What the table says of operations is what they do, tried on numbers."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rainbownet.graph.pointwise import is_pointwise
from rainbownet.graph.rules.table import MODULES, OPERATIONS

ARGUMENTS = {
    "Threshold": (0.1, 2.0),
    "Unflatten": (1, (2, 2)),
    "PReLU": (1,),
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"), (None, 2)),
}


def build(cls: type[nn.Module]) -> nn.Module:
    needed = [p for p in inspect.signature(cls).parameters.values() if p.default is p.empty and p.kind < 2]
    return cls(*ARGUMENTS.get(cls.__name__, (2,) * len(needed))).eval().double()


def unary(name: str):
    for place in (F, torch, torch.Tensor):
        if hasattr(place, name):
            return getattr(place, name)
    raise AssertionError(name)


def of(trait: str, kind: dict) -> list:
    return sorted((key for key, entry in kind.items() if getattr(entry, trait)), key=str)


@pytest.mark.parametrize("cls", of("pointwise", MODULES), ids=lambda cls: cls.__name__)
def test_modules_said_to_be_pointwise_are(cls):
    assert is_pointwise(build(cls))


SEVERAL = (
    "add",
    "addcmul",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "div",
    "lerp",
    "maximum",
    "minimum",
    "mul",
    "pow",
    "sub",
    "truediv",
    "true_divide",
    "where",
)


@pytest.mark.parametrize("name", [name for name in of("pointwise", OPERATIONS) if name not in SEVERAL])
def test_functions_said_to_be_pointwise_are(name):
    assert is_pointwise(unary(name))


@pytest.mark.parametrize(
    "cls",
    [c for c in of("linear", MODULES) if c.__module__.startswith("torch.nn") and MODULES[c].channelwise],
    ids=lambda cls: cls.__name__,
)
def test_modules_said_to_be_linear_by_channel_are(cls):
    generator = torch.Generator().manual_seed(0)
    axes = next((int(d) for d in cls.__name__ if d.isdigit()), 2)
    x, y = torch.randn(2, 2, 3, *(4,) * axes, generator=generator, dtype=torch.float64)
    module = build(cls)
    torch.testing.assert_close(module(2 * x - 3 * y), 2 * module(x) - 3 * module(y))
    torch.testing.assert_close(module(x[:, [2, 0]]), module(x)[:, [2, 0]])


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (torch.tanh, True),
        (lambda x: x.clamp(min=0), True),
        (lambda x: x.softmax(-1), False),
        (lambda x: x.cumsum(0), False),
        (lambda x: x / x.norm(), False),
        (lambda x: x[:1], False),
        (lambda x: x.sum(), False),
    ],
)
@pytest.mark.parametrize("ndim", [1, 2, 3, 4, 5])
def test_an_operation_is_tried_on_tensors_of_any_number_of_axes(operation, expected, ndim):
    assert is_pointwise(operation, like=torch.zeros((1,) * ndim)) is expected
