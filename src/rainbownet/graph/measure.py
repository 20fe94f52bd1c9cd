"""Measuring a network before it is made: run on tensors without memory, so that sizes can be refused in time."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from rainbownet.errors import FileError
from rainbownet.files.reason import reason
from rainbownet.graph.inputs import Batch, given
from rainbownet.graph.nodes import evaluate

MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What PyTorch raises for arguments that do not fit an operation of the closed list."""

_NUMBERS, _NUMBERS_EACH = 1 << 28, 64
_WORK, _WORK_EACH = 10**13, 10**5
_LONG, _MANY = 1 << 63, 1 << 16
_ARITHMETIC = ("_operator", "operator", "builtins", "math")


def capacity(stored: int) -> int:
    """Return how many numbers a network may make from a file that stores `stored`: 2²⁸, or 64 for each."""
    return max(_NUMBERS, _NUMBERS_EACH * stored)


class TooLarge(Exception):
    """An operation would make more numbers, or take more work, than its file allows."""


class Meter(TorchDispatchMode):
    """Counts the numbers that operations make and the products they take, and stops at a bound, before they are made.

    Args:
        stored: How many numbers the file stores: bounds follow from it.
    """

    def __init__(self, stored: int) -> None:
        super().__init__()
        self.numbers, self.work = capacity(stored), max(_WORK, _WORK_EACH * stored)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation if there is room for it."""
        kwargs = kwargs or {}
        packet = func.overloadpacket
        if not any(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs))):
            self._take(func, math.prod(n for n in tree_leaves(args[:1]) if isinstance(n, int)), 0)
        result = func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        numbers = sum(t.numel() for t in tensors)
        work = numbers
        if packet in flop_registry:
            work = flop_registry[packet](*args, **kwargs, out_val=result)
        elif "pool" in str(packet) and "adaptive" not in str(packet) and tensors:
            work = tensors[0].numel() * math.prod(tree_leaves(args[1]))
        self._take(func, numbers, work)
        return result

    def _take(self, func: Any, numbers: int, work: int) -> None:
        self.numbers -= numbers
        self.work -= work
        if self.numbers < 0 or self.work < 0:
            what = "numbers" if self.numbers < 0 else "work"
            raise TooLarge(f"{func.overloadpacket} makes more {what} than the tensors of the file allow")


@contextmanager
def metered(stored: int, origin: str) -> Iterator[None]:
    """Refuse to make more numbers in a block than a file allows.

    Args:
        stored: How many numbers the file stores.
        origin: The file, for the message.

    Raises:
        FileError: If more would be made.
    """
    try:
        with Meter(stored):
            yield
    except TooLarge as error:
        raise FileError(f"{origin}: too large: {error}") from error


@torch.no_grad()
def measure(traced: fx.GraphModule, example: Batch, *, stored: int, origin: str) -> None:
    """Run a network on tensors of the device `meta`, which have sizes but no memory, and refuse what does not fit.

    Args:
        traced: The network, its parameters on `meta`.
        example: Inputs on `meta`.
        stored: How many numbers the file stores.
        origin: The file, for messages.

    Raises:
        FileError: If an operation does not fit its arguments, or would make more than the file allows.
    """
    modules = dict(traced.named_modules())
    env: dict[fx.Node, Any] = {}
    with metered(stored, origin):
        for node in traced.graph.nodes:
            if node.op == "placeholder":
                env[node] = given(example, node)
            else:
                env[node] = _measured(traced, node, env, modules, origin)


def _measured(
    traced: fx.GraphModule, node: fx.Node, env: dict[fx.Node, Any], modules: Mapping[str, Any], origin: str
) -> Any:
    try:
        return _bounded(_value(traced, node, env, modules))
    except MISFITS as error:
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        raise FileError(f"{origin}: its node {node.name!r} ({name}) cannot be run ({reason(error)})") from error


def _value(traced: fx.GraphModule, node: fx.Node, env: dict[fx.Node, Any], modules: Mapping[str, Any]) -> Any:
    args = fx.map_arg(node.args, env.__getitem__)
    if node.op == "call_method":
        if not isinstance(args[0], Tensor) and not (isinstance(args[0], torch.Size) and node.target == "numel"):
            raise TypeError(f"{type(args[0]).__name__} is no tensor")
        if node.target == "cpu" or (node.target == "to" and any(isinstance(a, str) for a in args)):
            return args[0]  # to a device with memory, which changes no size
    if node.op == "call_function" and getattr(node.target, "__module__", "") in _ARITHMETIC:
        _check_arithmetic(node.target, args)
    return evaluate(traced, node, env, modules)


def _check_arithmetic(function: Any, args: Any) -> None:
    """Raise before arithmetic on sizes whose result could be long, or take long."""
    name = function.__name__.removeprefix("i").strip("_")
    if function.__name__ == "getattr":
        return
    values = tree_leaves(args)
    if any(isinstance(value, str) for value in values):
        raise TypeError("arithmetic on texts")
    if name == "mul" and any(isinstance(value, (tuple, list)) for value in args):
        raise TypeError("the repetition of a sequence")
    if all(isinstance(value, int) for value in values):
        if name == "pow" and len(values) > 1 and int(values[0]).bit_length() * abs(values[1]) > 64:
            raise ValueError(f"{values[0]} to the power of {values[1]}")
        if name == "lshift" and values[1] > 62:
            raise ValueError(f"{values[0]} shifted by {values[1]}")
        if name == "prod" and len(values) > _MANY.bit_length():
            raise ValueError(f"a product of {len(values)} sizes")


def _bounded(value: Any) -> Any:
    """Return a value after checking that its whole numbers and sequences are those of sizes."""
    leaves = tree_leaves(value)
    if len(leaves) > _MANY:
        raise ValueError(f"{len(leaves)} values")
    for leaf in leaves:
        if isinstance(leaf, int) and abs(leaf) >= _LONG:
            raise ValueError("a whole number of more than 63 bits")
        if isinstance(leaf, str):
            raise TypeError("a text as value")
    return value
