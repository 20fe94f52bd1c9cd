"""Functions that packages wrap for torch.fx, so that it records a call of them and not what they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.fx import _symbolic_trace

from rainbownet.graph.nodes import operation_name
from rainbownet.graph.rules.table import OPERATIONS


def _table() -> dict[Any, dict[str, Any]]:
    return _symbolic_trace._wrapped_fns_to_patch


def wrapped_without_rule() -> list[Any]:
    """Return the entries of torch.fx's table of functions, outside of torch, of which no rule is known."""
    found = []
    for key, names in _table().items():
        function = names.get(key[1])
        outside = (getattr(function, "__module__", None) or "torch").partition(".")[0] != "torch"
        if outside and operation_name(function) not in OPERATIONS:
            found.append(key)
    return found


@contextmanager
def unwrapped() -> Iterator[None]:
    """Trace through wrapped functions of which no rule is known."""
    table, known = _table(), dict(_table())
    for key in wrapped_without_rule():
        del table[key]
    try:
        yield
    finally:
        table.clear()
        table.update(known)
