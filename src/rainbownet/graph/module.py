"""Graph modules over a user's module: the two share parameters; norms of the user's own class stand as plain norms."""

from typing import Any

import torch.nn.functional as F
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rainbownet.graph.nodes import fetch

_CLASSES = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_TENSORS = ("running_mean", "running_var", "weight", "bias")


def graph_module(root: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """Return a graph over a module as a module that shares its parameters and buffers.

    Args:
        root: The module; a graph module is returned as it is, with its own graph.
        graph: Its graph. A batch norm that it calls and whose class is not of torch (`with_norm_modules`) stands in the
            result as one of torch: what else its class does are nodes of their own.
    """
    if isinstance(root, fx.GraphModule):
        return root
    result = fx.GraphModule(root, graph, type(root).__name__)
    for node in graph.nodes:
        if node.op == "call_module":
            module = fetch(root, str(node.target))
            if isinstance(module, _BatchNorm) and not _is_of_torch(module):
                path, _, leaf = str(node.target).rpartition(".")
                setattr(fetch(result, path) if path else result, leaf, _plain(module))
    return result


def with_norm_modules(root: nn.Module, graph: fx.Graph) -> None:
    """Let calls of `F.batch_norm` with the tensors of one batch norm call that module, in place.

    A batch norm of a class of its own (timm's adds an activation) is traced through down to such a call.
    """
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target is not F.batch_norm:
            continue
        owner = _owner(root, node)
        if owner is None:
            continue
        with graph.inserting_before(node):
            made = graph.call_module(owner, (_argument(node, 0, "input"),))
        made.meta = dict(node.meta)
        node.replace_all_uses_with(made)
        graph.erase_node(node)


def _owner(root: nn.Module, node: fx.Node) -> str | None:
    """Return the name of the batch norm whose tensors a call uses, all of them and at the places they belong."""
    given = {name: _argument(node, 1 + i, name) for i, name in enumerate(_TENSORS)}
    names = {key: str(value.target) for key, value in given.items() if isinstance(value, fx.Node)}
    owners = {name.rpartition(".")[0] for name in names.values()}
    if len(owners) != 1:
        return None
    owner = owners.pop()
    module: Any = fetch(root, owner) if owner else root
    own = {key: f"{owner}.{key}" for key in _TENSORS if getattr(module, key, None) is not None}
    if owner and isinstance(module, _BatchNorm) and names == own and _argument(node, 7, "eps", 1e-5) == module.eps:
        return owner
    return None


def _argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _is_of_torch(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.")


def _plain(module: _BatchNorm) -> nn.Module:
    cls = next((cls for cls in _CLASSES if isinstance(module, cls)), nn.BatchNorm2d)
    result = cls(module.num_features, module.eps, module.momentum, affine=False, track_running_stats=False)
    result._parameters = {name: module._parameters.get(name) for name in ("weight", "bias")}
    result._buffers = {name: module._buffers.get(name) for name in ("running_mean", "running_var")}
    if module._buffers.get("num_batches_tracked") is not None:
        result._buffers["num_batches_tracked"] = module._buffers["num_batches_tracked"]
    for name, child in module.named_children():  # what its class calls besides
        result.add_module(name, child)
    result.affine = result.weight is not None
    result.track_running_stats = result.running_mean is not None
    return result.eval()
