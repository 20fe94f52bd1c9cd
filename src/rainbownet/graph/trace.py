"""Tracing: from the user's module to a torch.fx graph over a private copy of it."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from jaxtyping import config
from torch import Tensor, fx, nn
from torch.fx.proxy import Attribute

from rainbownet.errors import ArchitectureError, RainbowError
from rainbownet.graph.assigned import assigned, check_assigned
from rainbownet.graph.baked import with_baked_weights
from rainbownet.graph.exported import CONSTANT, export, is_exported, of_torch
from rainbownet.graph.factors import with_factors
from rainbownet.graph.forms import with_listed_parts, with_plain_forms, with_sizes_apart, without_casts
from rainbownet.graph.inplace import PART_OF, changing_part, check_in_place, functionalise
from rainbownet.graph.inputs import Batch, Named, given, run, taken
from rainbownet.graph.leftovers import without_leftovers
from rainbownet.graph.module import graph_module, with_norm_modules
from rainbownet.graph.multihead import EXPANDED, attend, is_written_out
from rainbownet.graph.nodes import evaluate_checked, operation_name
from rainbownet.graph.private import private_copy, warn_of_baked
from rainbownet.graph.rules.table import leaf_modules
from rainbownet.graph.shuffle import with_selections
from rainbownet.graph.wrapped import unwrapped, wrapped_without_rule


class _Tracer(fx.Tracer):
    """Traces through user modules down to those of torch.nn and those with a rule of their own.

    Args:
        example: Inputs, so that code may ask for shapes and branch on them: every node is evaluated as it is made.
        inputs: Names of the arguments that get inputs; the others have their defaults.
        output: What is taken of what the module returns.
    """

    proxy_buffer_attributes = True  # so that what code computes of a buffer is recorded, not done once

    def __init__(self, example: Batch | None, inputs: Sequence[str], output: str | int | None) -> None:
        super().__init__()
        self.example, self.inputs, self.output = example, inputs, output
        self.took = False
        self.assigned: list[tuple[fx.Node, fx.Node]] = []
        self.values: dict[fx.Node, Any] = {}

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> tuple[Any, list[Any]]:
        """Give proxies to the arguments that get inputs, and take the output of what comes back."""
        proxies = [self.create_proxy("placeholder", name, (), {}) for name in self.inputs]

        def forward(root: nn.Module, *given: Any) -> Any:
            named = isinstance(self.example, Named)
            result = root_fn(root, **dict(zip(self.inputs, given, strict=True))) if named else root_fn(root, *given)
            chosen = taken(result, self.output)
            self.took = chosen is not result
            return chosen

        return forward, [self.root, *proxies]

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
            self.values[node] = given(self.example, node)
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


class _Device(Attribute):
    """The device of a value, whose type is known (contexts such as autocast ask for it)."""

    def __init__(self, root: fx.Proxy, type: str) -> None:
        super().__init__(root, "device")
        self.type = type


class _Known(fx.Proxy):
    """A value of which an example is known: it has a length, and a number among sizes is a number."""

    def __getattr__(self, k: str) -> Any:
        value = self.tracer.values[self.node]  # type: ignore[attr-defined]
        if isinstance(value, Tensor) and k == "device":
            return _Device(self, value.device.type)
        if isinstance(value, Tensor) and k in ("ndim", "dtype", "is_cuda"):
            return getattr(value, k)
        if isinstance(value, Tensor) and k == "shape":
            return self.tracer.create_proxy("call_function", getattr, (self, k), {})
        if isinstance(value, Tensor) and PART_OF in vars(self) and k.endswith("_") and k[:1] != "_":
            return changing_part(self, k)
        return super().__getattr__(k)

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)  # type: ignore[misc]  # torch.fx sets it
        vars(part)[PART_OF] = (self, index)
        return part

    def __setitem__(self, index: Any, value: Any) -> None:
        tracer: Any = self.tracer
        made = assigned(self, index, value, self._value(Tensor).shape)
        tracer.assigned.append((self.node, made.node))
        self.node = made.node  # what reads the tensor from here on reads the new one

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


def symbolic_trace(module: nn.Module, example: Batch | None = None) -> fx.GraphModule:
    """Return the trace of a private copy of a module; see `copy_and_trace`."""
    return copy_and_trace(module, example)[1]


def copy_and_trace(
    module: nn.Module, example: Batch | None = None, *, output: str | int | None = None
) -> tuple[nn.Module, fx.GraphModule]:
    """Copy a module and trace the copy with torch.fx, or where that fails with torch.export.

    Args:
        module: Any module, those of programs of torch.export (`program.module()`) included. It is neither changed nor
            put in another mode.
        example: Inputs. With them code may branch on shapes, count and loop over channels; sizes that it computes from
            shapes still follow the widths.
        output: Which part of a dictionary or dataclass that the module returns is taken, by name or position.

    Returns:
        The copy, and a graph module whose submodules and parameters are the copy's and have the user's names. Names of
        nodes do not depend on how the user's code calls its arguments.

    Raises:
        ArchitectureError: If the forward pass cannot be traced, with what torch.fx says and what to do.
        DataError: If the module cannot be run on the example, naming the layer.
    """
    root = private_copy(module)
    named = isinstance(example, Named)
    if isinstance(root, fx.GraphModule):
        if is_exported(root):
            root = of_torch(root)
        root.graph = _renamed(root.graph, named)
        return root, root
    inputs = _inputs(root, example)
    try:
        tracer, graph = _recorded(root, example, inputs, output)
    except Exception as error:
        found = None if example is None else _exported(root, example, output)
        if found is not None:
            found.graph = _renamed(found.graph, named)
            return found, found
        if isinstance(error, RainbowError):
            raise
        raise ArchitectureError(
            f"network {type(root).__name__} cannot be traced by torch.fx: {type(error).__name__}: {error}. The "
            "forward pass must not branch on the values of tensors: move such code into a module of its own and give "
            "that module a rule with rainbownet.graph.register(..., leaf=True), or pass a network whose "
            "forward is a fixed graph."
        ) from error
    _keep_constants(root, graph)
    if baked := with_baked_weights(root, graph):
        warn_of_baked(root, [f"{name} (computed in the forward pass)" for name in baked])
    without_casts(graph, tracer.values)
    with_norm_modules(root, graph)
    with_plain_forms(graph)
    with_listed_parts(graph, tracer.values)
    with_selections(root, graph, tracer.values)
    with_sizes_apart(graph, tracer.values)
    traced = graph_module(root, graph)
    functionalise(traced)
    with_factors(traced.graph)
    traced.graph = _renamed(traced.graph, named)
    return (traced if named or tracer.took or baked else root), traced


def _recorded(
    root: nn.Module, example: Batch | None, inputs: Sequence[str], output: str | int | None
) -> tuple[_Tracer, fx.Graph]:
    """Trace a module with torch.fx: through functions that a package wraps, or where that fails with their calls."""
    for how in (unwrapped, nullcontext) if wrapped_without_rule() else (nullcontext,):
        tracer = _Tracer(example, inputs, output)
        try:
            with how(), _shapes_unchecked(), without_leftovers(root):
                graph = tracer.trace(root)
                check_assigned(graph, tracer.assigned)
                check_in_place(root, graph, tracer.values)
            return tracer, graph
        except Exception:
            # The user's code raises anything under a tracer.
            if how is nullcontext:
                raise
    raise AssertionError("the last way returns or raises")


def _exported(root: nn.Module, example: Batch, output: str | int | None) -> fx.GraphModule | None:
    """Trace a module with torch.export; nothing where it cannot be run, or that fails too."""
    try:
        with torch.no_grad():
            run(root, example)
        return export(root, example, output)
    except Exception:
        # Export and the user's code raise anything; what torch.fx said of the same module is what is reported.
        return None


def _inputs(root: nn.Module, example: Batch | None) -> list[str]:
    """Return the names of the arguments that get inputs."""
    known = inspect.signature(root.forward).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    names = [name for name, p in known.items() if p.kind < p.VAR_POSITIONAL or p.kind is p.KEYWORD_ONLY]
    needed = [name for name in names if known[name].default is inspect.Parameter.empty]
    what = f"network {type(root).__name__}"
    if isinstance(example, Named):
        given = list(example.tensors)
        if unknown := [name for name in given if name not in names and not free]:
            raise ArchitectureError(
                f"{what} has no input {unknown[0]!r}; it takes {', '.join(names)}: name the keys of a batch that are "
                "its inputs, AlignmentImages(loader, inputs=...)"
            )
        if missing := [name for name in needed if name not in given]:
            raise ArchitectureError(f"{what} needs an input {missing[0]!r}, and a batch has {', '.join(given)} only")
        return given
    if len(needed) > 1:
        raise ArchitectureError(
            f"{what} has {len(needed)} inputs, {', '.join(needed)}; give batches that are dictionaries of tensors by "
            "these names"
        )
    return [*needed, *names, "inputs"][:1]


def _keep_constants(root: nn.Module, graph: fx.Graph) -> None:
    """Make tensors that the forward pass computes without its inputs buffers of the copy, which move with it."""
    for node in graph.nodes:
        name = str(node.target)
        if node.op == "get_attr" and name.startswith(CONSTANT) and isinstance(vars(root).get(name), Tensor):
            root.register_buffer(name, vars(root).pop(name), persistent=False)


def _renamed(graph: fx.Graph, named: bool = False) -> fx.Graph:
    """Return a copy of a graph in which nodes are named by what they do, inputs as they are where these are several."""
    new = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            name = str(node.target) if named else "inputs"
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
