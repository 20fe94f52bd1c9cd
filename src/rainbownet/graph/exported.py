"""Programs of torch.export, and networks that only it can trace: their operations as functions of torch, with rules."""

import logging
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.utils import _pytree as pytree

from rainbownet.errors import ArchitectureError, UnsupportedOp
from rainbownet.graph.factors import with_factors
from rainbownet.graph.forms import with_plain_forms
from rainbownet.graph.inputs import Batch, Named, taken
from rainbownet.graph.module import with_norm_modules
from rainbownet.graph.nodes import evaluate, fetch

CONSTANT = "_tensor_constant"
"""What torch.fx calls tensors that the forward pass computes without its inputs, a number following."""

_AS_IT_IS = {"alias", "lift_fresh_copy", "detach", "clone", "contiguous", "dropout", "alpha_dropout", "feature_dropout"}
_NOTHING = {"_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range_for_size", "sym_constrain_range"}
_CASTS = {"to", "_to_copy", "type_as"}
_METHODS = {"expand", "expand_as", "repeat", "new_ones", "new_zeros", "new_full", "unfold"}
_NAMES = {"view": "reshape", "_unsafe_view": "reshape", "__and__": "and_", "__or__": "or_", "__xor__": "xor"}
_PLACES = {"device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "implicit"}
_VIEWS = {"slice", "select", "view", "reshape", "transpose", "permute", "unsqueeze", "squeeze", "expand", "unbind"}


class _Called(nn.Module):
    """A network of which one output is taken."""

    def __init__(self, network: nn.Module, output: str | int | None) -> None:
        super().__init__()
        self.network, self.output = network, output

    def forward(self, inputs: Any) -> Any:
        """Call the network on one tensor, or on several by the names of its arguments."""
        result = self.network(**inputs) if isinstance(inputs, dict) else self.network(inputs)
        return taken(result, self.output)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what torch.export logs and prints of a network that it cannot trace off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(before)


def is_exported(module: fx.GraphModule) -> bool:
    """Whether a graph is made of operators of torch.export."""
    return any(isinstance(node.target, OpOverload) for node in module.graph.nodes)


def export(root: nn.Module, example: Batch, output: str | int | None) -> fx.GraphModule:
    """Trace a module with torch.export.

    Args:
        root: A private copy of a module. Tensors that its code computes without inputs become buffers of it.
        example: Two inputs or more. Their number may change, their shapes may not.
        output: What is taken of what the module returns.

    Returns:
        A graph module over the parameters of the module.

    Raises:
        ArchitectureError: If the code works for so many inputs only.
        Exception: Whatever torch.export says.
    """
    axes = {0: torch.export.Dim.AUTO}
    names = list(example.tensors) if isinstance(example, Named) else None
    given: Any = example.tensors if isinstance(example, Named) else example
    shapes = axes if names is None else dict.fromkeys(names, axes)
    with warnings.catch_warnings(), torch.no_grad(), _unlogged():
        warnings.simplefilter("ignore")
        program = torch.export.export(_Called(root, output), (given,), dynamic_shapes=(shapes,), strict=False)
        module = program.module()
    return of_torch(module, root, prefix="network.", names=names)


def of_torch(
    module: Any, root: nn.Module | None = None, *, prefix: str = "", names: Sequence[str] | None = None
) -> fx.GraphModule:
    """Return a graph of operators of torch.export as one of functions of torch.

    Args:
        module: What an exported program gives as a module.
        root: The module it was made of; by default its parameters are those of the program.
        prefix: What stands before the names of the root's parameters.
        names: Names of the inputs, in order; by default as they are.

    Raises:
        ArchitectureError: If the number of inputs is fixed in it.
        UnsupportedOp: If an operator has no function of torch.
    """
    return _Translation(module, module if root is None else root, prefix, names).result()


class _Translation:
    """One graph, translated node by node."""

    def __init__(self, module: fx.GraphModule, root: nn.Module, prefix: str, names: Sequence[str] | None) -> None:
        self.module, self.root, self.prefix = module, root, prefix
        self.names = None if names is None else iter(names)
        self.graph = fx.Graph()
        self.made: dict[fx.Node, Any] = {}
        self.known: dict[fx.Node, Any] = {}
        self.values: dict[fx.Node, Any] = {}
        self.modules = dict(module.named_modules())

    def result(self) -> fx.GraphModule:
        """Translate."""
        self._check_inputs()
        for node in self.module.graph.find_nodes(op="placeholder"):
            self.made[node] = self.graph.placeholder(str(node.target) if self.names is None else next(self.names))
        for node in self.module.graph.nodes:
            if node.op == "get_attr":
                self._tensor(node)
            elif node.op == "output":
                self.graph.output(self._output(node))
            elif node.op == "call_function" and not self._is_nothing(node):
                self._call(node)
        self.graph.eliminate_dead_code()
        if self.root is self.module:
            self._with_norms()
        with_norm_modules(self.root, self.graph)
        with_plain_forms(self.graph)
        with_factors(self.graph)
        return fx.GraphModule(self.root, self.graph, type(self.root).__name__)

    def _check_inputs(self) -> None:
        for node in self.module.graph.nodes:
            value = node.meta.get("val")
            if node.op == "placeholder" and isinstance(value, Tensor) and isinstance(value.shape[0], int):
                raise ArchitectureError(
                    f"network: it was exported for {value.shape[0]} inputs; export it for any number, with "
                    "dynamic_shapes=({0: torch.export.Dim.AUTO},)"
                )

    def _with_norms(self) -> None:
        """Put batch norms in the place of modules of a program that hold the tensors of one."""
        for node in self.graph.nodes:
            tensors = node.args[1:5] if node.target is F.batch_norm else ()
            if not tensors or not all(isinstance(part, fx.Node) and part.op == "get_attr" for part in tensors):
                continue
            owner = str(tensors[0].target).rpartition(".")[0]
            held: Any = fetch(self.root, owner)
            source = self.values[node]
            cls = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}.get(source.ndim, nn.BatchNorm1d)
            norm = cls(len(held.running_mean), eps=node.args[7], momentum=node.args[6])
            norm._parameters.update(held._parameters)
            norm._buffers.update(held._buffers)
            path, _, leaf = owner.rpartition(".")
            setattr(fetch(self.root, path) if path else self.root, leaf, norm.eval())

    @staticmethod
    def _is_nothing(node: fx.Node) -> bool:
        return isinstance(node.target, OpOverload) and _name(node) in _NOTHING

    def _output(self, node: fx.Node) -> Any:
        """Return the results in the structure in which the network returns them."""
        flat = [self._argument(value) for value in pytree.tree_leaves(node.args[0])]
        codegen = getattr(self.module.graph._codegen, "pytree_info", None)
        spec = None if codegen is None else codegen.out_spec
        return flat[0] if spec is None else pytree.tree_unflatten(flat, spec)

    def _tensor(self, node: fx.Node) -> None:
        name = str(node.target)
        own = name.removeprefix(self.prefix)
        value = fetch(self.module, name)
        if not isinstance(value, nn.Parameter):
            self.known[node] = value
        if own != name or not self.prefix:
            self.made[node] = self.graph.get_attr(own)

    def _call(self, node: fx.Node) -> None:
        if node.all_input_nodes and not all(source in self.known for source in node.all_input_nodes):
            self._check_in_place(node)
            made = self._translated(node)
            if isinstance(made, fx.Node) and made not in self.made.values():
                made.meta["nn_module_stack"] = self._stack(node)
                self.values[made] = node.meta.get("val")
        else:
            with torch.no_grad():
                self.known[node] = evaluate(self.module, node, self.known, self.modules)
            made = None
        self.made[node] = made
        if self._is_in_place(node):
            changed = node.args[0]
            assert isinstance(changed, fx.Node)
            self.made[changed] = made
            if node in self.known:
                self.known[changed] = self.known[node]
            else:
                self.known.pop(changed, None)

    @staticmethod
    def _is_in_place(node: fx.Node) -> bool:
        if not isinstance(node.target, OpOverload) or not isinstance(node.args[0] if node.args else None, fx.Node):
            return False
        alias = node.target._schema.arguments[0].alias_info
        return alias is not None and alias.is_write

    def _check_in_place(self, node: fx.Node) -> None:
        if not self._is_in_place(node):
            return
        changed = node.args[0]
        assert isinstance(changed, fx.Node)
        if changed.op == "call_function" and isinstance(changed.target, OpOverload) and _name(changed) in _VIEWS:
            base = changed.all_input_nodes[0]
            later = list(self.module.graph.nodes).index(node)
            if any(list(self.module.graph.nodes).index(user) > later for user in base.users):
                raise UnsupportedOp(f"node {node.name!r} ({_name(node)}) changes a part of a tensor that is used later")

    def _stack(self, node: fx.Node) -> dict[str, Any]:
        stack = node.meta.get("nn_module_stack") or {}
        paths = [(path.removeprefix(self.prefix), kind) for path, kind in stack.values()]
        return {path: kind for path, kind in paths if path and path != self.prefix.rstrip(".")}

    def _argument(self, value: Any) -> Any:
        """Return an argument in the new graph; what is computed without inputs becomes a buffer."""
        if isinstance(value, fx.Node):
            if self.made.get(value) is None:
                self.made[value] = self._constant(self.known[value])
            return self.made[value]
        if isinstance(value, (list, tuple)):
            return type(value)(self._argument(part) for part in value)
        return value

    def _constant(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        number = sum(hasattr(self.root, f"{CONSTANT}{i}") for i in range(self._constants))
        while hasattr(self.root, f"{CONSTANT}{number}"):
            number += 1
        self.root.register_buffer(f"{CONSTANT}{number}", value.detach().clone().contiguous(), persistent=False)
        return self.graph.get_attr(f"{CONSTANT}{number}")

    @property
    def _constants(self) -> int:
        return len(dict(self.root.named_buffers(recurse=False)))

    def _translated(self, node: fx.Node) -> Any:
        args = [self._argument(value) for value in node.args]
        kwargs = {key: self._argument(value) for key, value in node.kwargs.items() if key not in _PLACES}
        if not isinstance(node.target, OpOverload):
            return self.graph.create_node("call_function", node.target, tuple(args), kwargs)
        name = _name(node)
        if name in _AS_IT_IS:
            return args[0]
        if name in _CASTS:
            return self._cast(node, args[0])
        for key in ("dtype",):  # a reduction or softmax in another precision
            if kwargs.get(key) is not None and isinstance(args[0], fx.Node) and name in ("softmax", "log_softmax"):
                if _dtype(node.args[0]) != kwargs[key]:
                    args[0] = self.graph.call_method("to", (args[0], kwargs[key]))
                del kwargs[key]
        if name in ("softmax", "log_softmax") and len(args) > 2:
            if args[2] is not None and _dtype(node.args[0]) != args[2]:
                args[0] = self.graph.call_method("to", (args[0], args[2]))
            args = args[:2]
        if name in _WRITTEN:
            return _WRITTEN[name](self.graph, args, kwargs)
        if name in _METHODS:
            sizes = args[1:] if name in ("expand_as", "new_full", "unfold") else args[1]
            return self.graph.call_method(name, (args[0], *sizes), kwargs)
        function = _function(name)
        if function is None:
            if not hasattr(Tensor, name):
                raise UnsupportedOp(f"node {node.name!r} ({node.target}) has no function of torch")
            return self.graph.call_method(name, tuple(args), kwargs)
        return self.graph.call_function(function, tuple(args), kwargs)

    def _cast(self, node: fx.Node, source: Any) -> Any:
        wanted, given = _dtype(node), node.args[0]
        held = fetch(self.module, str(given.target)).dtype if given.op == "get_attr" else _dtype(given)  # type: ignore[union-attr]
        return source if held == wanted else self.graph.call_method("to", (source, wanted))


def _name(node: fx.Node) -> str:
    """Return the name of an operator, without its overload; that of a change in place without its underscore."""
    target: Any = node.target
    name: str = target._opname
    if name.endswith("_") and not name.startswith("__"):
        name = name[:-1]
    return _NAMES.get(name, name)


def _dtype(node: Any) -> Any:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return value.dtype if isinstance(value, Tensor) else None


def _function(name: str) -> Any:
    if name in ("and_", "or_", "xor"):
        return getattr(operator, name)
    return getattr(F, name, None) or getattr(torch, name, None)


Written = Callable[[fx.Graph, list[Any], dict[str, Any]], fx.Node]


def _indexed(graph: fx.Graph, source: Any, dim: int, part: Any) -> fx.Node:
    before = (slice(None),) * dim
    return graph.call_function(operator.getitem, (source, (*before, part) if before else part))


def _slice(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> Any:
    defaults: list[Any] = [0, None, None, 1]
    source, dim, start, stop, step = [*args, *defaults[len(args) - 1 :]]
    start = None if start == 0 else start
    stop = None if isinstance(stop, int) and stop >= (1 << 62) else stop
    if start is None and stop is None and step == 1:
        return source
    return _indexed(graph, source, dim, slice(start, stop, None if step == 1 else step))


def _index(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> fx.Node:
    parts = [slice(None) if part is None else part for part in args[1]]
    return graph.call_function(operator.getitem, (args[0], tuple(parts) if len(parts) > 1 else parts[0]))


def _reshape(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> fx.Node:
    return graph.call_method("reshape", (args[0], *args[1]))


def _reversed(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> fx.Node:
    axes = range(args[0].meta["val"].ndim) if "val" in getattr(args[0], "meta", {}) else (0, 1)
    return graph.call_method("permute", (args[0], *reversed(axes)))


def _called(function: Any, order: str, given: str) -> Written:
    """Return how an operator is a function of torch that takes its arguments in another order."""
    names, wanted = given.split(), order.split()

    def written(graph: fx.Graph, args: list[Any], kwargs: dict[str, Any]) -> fx.Node:
        found = dict(zip(names, args, strict=False)) | kwargs
        return graph.call_function(function, tuple(found.get(name) for name in wanted))

    return written


def _batch_norm(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> fx.Node:
    x, weight, bias, mean, var, _training, momentum, eps = args[:8]
    return graph.call_function(F.batch_norm, (x, mean, var, weight, bias, False, momentum, eps))


def _instance_norm(graph: fx.Graph, args: list[Any], _: Mapping[str, Any]) -> fx.Node:
    x, weight, bias, mean, var, *rest = args[:8]
    return graph.call_function(F.instance_norm, (x, mean, var, weight, bias, *rest))


def _resampled(mode: str) -> Written:
    def written(graph: fx.Graph, args: list[Any], _: dict[str, Any]) -> fx.Node:
        smooth = mode in ("bilinear", "bicubic", "linear", "trilinear")
        x, size, *rest = args
        align = rest.pop(0) if smooth and rest else None
        factors = rest[0] if rest else None
        return graph.call_function(
            F.interpolate,
            (x,),
            {"size": size, "scale_factor": None if size is not None else factors, "mode": mode, "align_corners": align},
        )

    return written


_WRITTEN: dict[str, Written] = {
    "slice": _slice,
    "select": lambda graph, args, _: _indexed(graph, *args),
    "index": _index,
    "reshape": _reshape,
    "numpy_T": _reversed,
    "t": lambda graph, args, _: graph.call_method("transpose", (args[0], 0, 1)),
    "sym_size": lambda graph, args, _: graph.call_method("size", tuple(args)),
    "permute": lambda graph, args, _: graph.call_method("permute", (args[0], *args[1])),
    "embedding": lambda graph, args, _: graph.call_function(F.embedding, (args[1], args[0])),
    "layer_norm": lambda graph, args, _: graph.call_function(F.layer_norm, tuple(args[:5])),
    "group_norm": lambda graph, args, _: graph.call_function(F.group_norm, tuple(args[:5])),
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "add": lambda graph, args, kwargs: graph.call_function(torch.add, tuple(args), kwargs),
    "split": lambda graph, args, _: graph.call_function(torch.split, tuple(args)),
    "split_with_sizes": lambda graph, args, _: graph.call_function(torch.split, tuple(args)),
    "copy": lambda graph, args, _: graph.call_method("expand_as", (args[1], args[0])),
    "rsub": lambda graph, args, kwargs: graph.call_function(torch.sub, (args[1], args[0]), kwargs),
    "upsample_bilinear2d": _resampled("bilinear"),
    "upsample_bicubic2d": _resampled("bicubic"),
    "upsample_nearest2d": _resampled("nearest"),
    "upsample_nearest1d": _resampled("nearest"),
    "upsample_linear1d": _resampled("linear"),
}
"""Operators whose arguments are not those of a function of torch with the same name."""
