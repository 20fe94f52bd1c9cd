"""What a forward pass remembers on its modules, such as a cache of biases, taken back after it was traced."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import fx, nn
from torch.utils._pytree import tree_leaves

_MISSING = object()


@contextmanager
def without_leftovers(root: nn.Module) -> Iterator[None]:
    """Put attributes of modules that hold proxies of a trace back to what they were before it.

    Example:
        >>> class Remembers(nn.Module):
        ...     def forward(self, x):
        ...         self.seen = {"last": 2 * x}
        ...         return x
        >>> net = Remembers()
        >>> with without_leftovers(net):
        ...     _ = fx.Tracer().trace(net)
        >>> hasattr(net, "seen")
        False
    """
    before = {child: {name: _shallow(value) for name, value in vars(child).items()} for child in root.modules()}
    try:
        yield
    finally:
        for child, known in before.items():
            for name in [name for name, value in vars(child).items() if _holds_proxy(value)]:
                if (old := known.get(name, _MISSING)) is _MISSING:
                    del vars(child)[name]
                else:
                    vars(child)[name] = old


def _shallow(value: Any) -> Any:
    return value.copy() if type(value) in (dict, list) else value


def _holds_proxy(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple, fx.Proxy)) and any(isinstance(x, fx.Proxy) for x in tree_leaves(value))
