"""Programs of torch.export, and networks that only it can trace: their operations as functions of torch, with rules."""

import logging
import operator
import warnings
from collections.abc import Iterator, Sequence
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
from rainbownet.graph.held_norms import with_held_norms
from rainbownet.graph.inputs import Batch, Named, taken
from rainbownet.graph.module import with_norm_modules
from rainbownet.graph.nodes import evaluate, fetch
from rainbownet.graph.operators import WRITTEN

CONSTANT = "_tensor_constant"
"""What torch.fx calls tensors that the forward pass computes without its inputs, a number following."""

_AS_IT_IS = {"alias", "lift_fresh_copy", "detach", "clone", "contiguous", "dropout", "alpha_dropout", "feature_dropout"}
_NOTHING = {"_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range_for_size", "sym_constrain_range"}
_CASTS = {"to", "_to_copy", "type_as"}
_METHODS = {"expand", "expand_as", "repeat", "new_ones", "new_zeros", "new_full", "unfold"}
_NAMES = {"view": "reshape", "_unsafe_view": "reshape", "__and__": "and_", "__or__": "or_", "__xor__": "xor"}
_PLACES = {"device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "implicit"}
_VIEWS = {
    *(
        "slice",
        "select",
        "view",
        "reshape",
        "transpose",
        "permute",
        "unsqueeze",
        "squeeze",
        "expand",
        "unbind",
        "alias",
    ),
    *("split", "split_with_sizes", "chunk", "getitem", "numpy_T", "t", "detach", "diagonal", "unfold"),
}


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
            with_held_norms(self.root, self.graph, self.values)
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
        whole = changed
        while _is_view(whole):
            whole = whole.all_input_nodes[0]
        order = {other: i for i, other in enumerate(self.module.graph.nodes)}
        seen = [whole]
        for shown in seen:
            seen += [user for user in shown.users if _is_view(user) and order[user] < order[node]]
            if shown is not changed and any(order[user] > order[node] for user in shown.users):
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
        if name in WRITTEN:
            return WRITTEN[name](self.graph, args, kwargs)
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


def _is_view(node: fx.Node) -> bool:
    if node.target is operator.getitem:  # a part of what a split gives
        return True
    return node.op == "call_function" and isinstance(node.target, OpOverload) and _name(node) in _VIEWS


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
