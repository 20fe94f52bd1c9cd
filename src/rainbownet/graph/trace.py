"""Tracing: from the user's module to a torch.fx graph over a private copy of it."""

import inspect
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import config
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError, RainbowError
from rainbownet.graph.module import graph_module, with_norm_modules
from rainbownet.graph.multihead import EXPANDED, attend, is_written_out
from rainbownet.graph.nodes import evaluate_checked, operation_name
from rainbownet.graph.private import private_copy
from rainbownet.graph.rules.table import leaf_modules

CONSTANT = "_tensor_constant"
"""What torch.fx calls tensors that the forward pass computes without its inputs, a number following."""

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.imul: operator.mul,
    operator.isub: operator.sub,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
}


class _Tracer(fx.Tracer):
    """Traces through user modules down to those of torch.nn and those with a rule of their own.

    Args:
        example: Inputs, so that code may ask for shapes and branch on them: every node is evaluated as it is made.
    """

    proxy_buffer_attributes = True  # so that what code computes of a buffer is recorded, not done once

    def __init__(self, example: Tensor | None) -> None:
        super().__init__()
        self.example = example
        self.values: dict[fx.Node, Any] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, leaf_modules()):
            return True
        if isinstance(m, EXPANDED):
            return isinstance(m, nn.MultiheadAttention) and not is_written_out(m)
        return super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        if isinstance(m, nn.MultiheadAttention) and not self.is_leaf_module(m, ""):
            forward = partial(attend, m)
        return super().call_module(m, forward, args, kwargs)

    def create_node(self, kind: str, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(kind, *args, **kwargs)
        if self.example is None or kind == "output":
            return node
        if kind == "placeholder":
            # Further inputs have defaults, which the tracer puts in their place.
            self.values[node] = None if self.values else self.example
        elif node.target is torch._assert:
            self.values[node] = None
        elif all(source in self.values for source in node.all_input_nodes):
            with torch.no_grad(), _modules_as_they_are():
                self.values[node] = evaluate_checked(self.root, node, self.values, self._modules, self.example)
        return node

    @property
    def _modules(self) -> dict[str, nn.Module]:
        if not hasattr(self, "_named"):
            self._named = dict(self.root.named_modules())
        return self._named

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Known(node, self) if node in self.values else super().proxy(node)

    def to_bool(self, obj: fx.Proxy) -> bool:
        value = self.values.get(obj.node)
        return bool(value) if _is_size(value) or self._is_constant(obj.node) else super().to_bool(obj)

    def _is_constant(self, node: fx.Node) -> bool:
        """Whether a value is computed from sizes, constants and buffers alone (a mask that is looked at)."""
        if _is_size(self.values.get(node)):
            return True
        if node.op == "get_attr":
            return str(node.target) not in dict(self.root.named_parameters())
        return node.op.startswith("call_") and all(self._is_constant(source) for source in node.all_input_nodes)

    def iter(self, obj: fx.Proxy) -> Iterator:
        value = self.values.get(obj.node)
        if isinstance(value, (tuple, list)) or (isinstance(value, Tensor) and value.ndim):
            parts: Any = obj  # indexing is one of the operations that a proxy records
            return iter([parts[i] for i in range(len(value))])
        return super().iter(obj)


_CALL, _GETATTR = nn.Module.__call__, nn.Module.__getattr__


@contextmanager
def _modules_as_they_are() -> Iterator[None]:
    """Take away what torch.fx puts in the place of a module's call and attributes while it traces."""
    patched = nn.Module.__call__, nn.Module.__getattr__
    nn.Module.__call__, nn.Module.__getattr__ = _CALL, _GETATTR
    try:
        yield
    finally:
        nn.Module.__call__, nn.Module.__getattr__ = patched


def _is_size(value: Any) -> bool:
    """Whether a value depends on shapes and types alone, so that code may branch on it."""
    return isinstance(value, (bool, int, float, str, tuple, list, torch.dtype, torch.device))


class _Known(fx.Proxy):
    """A value of which an example is known: it has a length, and a number among sizes is a number."""

    def __getattr__(self, k: str) -> Any:
        value = self.tracer.values[self.node]  # type: ignore[attr-defined]
        if isinstance(value, Tensor) and k in ("ndim", "dtype", "is_cuda"):
            return getattr(value, k)
        if isinstance(value, Tensor) and k == "shape":
            return self.tracer.create_proxy("call_function", getattr, (self, k), {})
        return super().__getattr__(k)

    def __len__(self) -> int:
        return len(self._value(tuple, list, Tensor))

    def __int__(self) -> int:
        return int(self._value(int, float))

    def __index__(self) -> int:
        return int(self._value(int))

    def __float__(self) -> float:
        return float(self._value(int, float))

    def _value(self, *kinds: type) -> Any:
        value = self.tracer.values[self.node]  # type: ignore[attr-defined]
        if not isinstance(value, kinds):
            raise TypeError(f"the value of {self.node.name!r} is known at run time only")
        return value


def symbolic_trace(module: nn.Module, example: Tensor | None = None) -> fx.GraphModule:
    """Return the trace of a private copy of a module; see `copy_and_trace`."""
    return copy_and_trace(module, example)[1]


def copy_and_trace(module: nn.Module, example: Tensor | None = None) -> tuple[nn.Module, fx.GraphModule]:
    """Copy a module and trace the copy with torch.fx.

    Args:
        module: Any module with one tensor input. It is neither changed nor put in another mode.
        example: Inputs. With them code may branch on shapes, count and loop over channels; sizes that it computes from
            shapes still follow the widths.

    Returns:
        The copy, and a graph module whose submodules and parameters are the copy's and have the user's names. Names of
        nodes do not depend on how the user's code calls its arguments.

    Raises:
        ArchitectureError: If the forward pass cannot be traced, with what torch.fx says and what to do.
        DataError: If the module cannot be run on the example, naming the layer.
    """
    root = private_copy(module)
    if isinstance(root, fx.GraphModule):
        root.graph = _renamed(root.graph)
        return root, root
    needed = [p for p in inspect.signature(root.forward).parameters.values() if p.default is p.empty and p.kind < 2]
    if len(needed) > 1:
        raise ArchitectureError(f"network {type(root).__name__} has {len(needed)} inputs; one tensor is supported")
    try:
        defaults = _defaults(root)
        with _shapes_unchecked():
            graph = _Tracer(example).trace(root, concrete_args=defaults)
    except RainbowError:
        raise
    except Exception as error:
        raise ArchitectureError(
            f"network {type(root).__name__} cannot be traced by torch.fx: {type(error).__name__}: {error}. The "
            "forward pass must not branch on the values of tensors: move such code into a module of its own and give "
            "that module a rule with rainbownet.graph.register(..., leaf=True), or pass a network whose "
            "forward is a fixed graph."
        ) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if (count := len(inputs) - len(defaults)) != 1:
        raise ArchitectureError(f"network {type(root).__name__} has {count} inputs; one tensor is supported")
    for extra in inputs[1:]:
        _erase(extra)
    _keep_constants(root, graph)
    with_norm_modules(root, graph)
    traced = graph_module(root, graph)
    _functionalise(traced)
    traced.graph = _renamed(traced.graph)
    return root, traced


def _keep_constants(root: nn.Module, graph: fx.Graph) -> None:
    """Make tensors that the forward pass computes without its inputs buffers of the copy, which move with it."""
    for node in graph.nodes:
        name = str(node.target)
        if node.op == "get_attr" and name.startswith(CONSTANT) and isinstance(vars(root).get(name), Tensor):
            root.register_buffer(name, vars(root).pop(name), persistent=False)


def _renamed(graph: fx.Graph) -> fx.Graph:
    """Return a copy of a graph in which nodes are named by what they do."""
    new = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            name = "inputs"
        elif node.op in ("call_function", "call_method"):
            name = operation_name(node.target).rpartition(".")[2]
        else:
            name = str(node.target).replace(".", "_")
        args = fx.map_arg(node.args, copies.__getitem__)
        kwargs = fx.map_arg(dict(node.kwargs), copies.__getitem__)
        copies[node] = new.create_node(node.op, node.target, args, kwargs, name, node.type)
        copies[node].meta = dict(node.meta)
    return new


@contextmanager
def _shapes_unchecked() -> Iterator[None]:
    """Let forwards that jaxtyping checks take the proxies of a trace, which are no tensors."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)


def _defaults(root: nn.Module) -> dict[str, Any]:
    """Return the values of the further inputs that have one; code may branch on them."""
    parameters = list(inspect.signature(root.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _erase(node: fx.Node) -> None:
    """Erase an input that has a fixed value; its only uses are assertions of that value."""
    for user in list(node.users):
        _erase(user)
    node.graph.erase_node(node)


def _functionalise(traced: fx.GraphModule) -> None:
    """Replace in-place operations by others, so that nodes may be evaluated in any order that respects the graph."""
    modules = dict(traced.named_modules())
    order = {node: i for i, node in enumerate(traced.graph.nodes)}
    inplace = [m for m in modules.values() if getattr(m, "inplace", False)]
    for module in inplace:
        setattr(module, "inplace", False)  # noqa: B010
    for node in traced.graph.nodes:
        own = node.op == "call_module" and any(modules[str(node.target)] is module for module in inplace)
        if not own and not _made_out_of_place(node):
            continue
        changed = node.args[0] if node.args else None
        if isinstance(changed, fx.Node):
            later = order[node]
            changed.replace_all_uses_with(node, delete_user_cb=lambda user, later=later: order[user] > later)
    traced.graph.eliminate_dead_code()
    traced.recompile()


def _made_out_of_place(node: fx.Node) -> bool:
    if node.op == "call_module":
        return False
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    if node.op == "call_method" and str(node.target).endswith("_") and hasattr(torch.Tensor, str(node.target)[:-1]):
        node.target = str(node.target)[:-1]
        return True
    if node.op == "call_function" and node.target in _OUT_OF_PLACE:
        node.target = _OUT_OF_PLACE[node.target]
        return True
    return False
