"""Operators of torch.export whose arguments are not those of a function of torch with the same name."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

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


WRITTEN: dict[str, Written] = {
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
