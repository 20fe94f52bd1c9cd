"""The two sides of a comparison: a module seen through hooks, a function, or responses recorded for each stimulus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.graph.inputs import Batch, Named

Inputs = Callable[[Any], Any]
"""What turns a batch of the loader's inputs into what one side takes: its own normalisation, size or tokens."""


@runtime_checkable
class Side(Protocol):
    """Whatever gives activations of named layers for a batch of stimuli."""

    def activations(self, inputs: Batch, numbers: Tensor) -> dict[str, Tensor]:
        """Return the activations of a batch of stimuli of these numbers, by layer, stimuli first and channels last."""
        ...


class ModuleSide:
    """A module, run as it is and read by hooks: no tracing, so attention, recurrence and wrappers are fine.

    The module is put in evaluation mode for the batch and back after it; only the hooks set here are removed.

    Args:
        module: Any module; `torch.compile` and `DataParallel` wrappers are taken off.
        layers: Names of submodules or patterns (`"layer?.*"`); by default every module that has a weight matrix or
            kernel of its own and is called. The empty name is the module itself, its output.
        inputs: Turns the loader's inputs into the module's.
        name: `a` or `b`, for messages.

    Raises:
        ArchitectureError: If a name or pattern matches no submodule.
    """

    def __init__(self, module: nn.Module, layers: Sequence[str] | None, inputs: Inputs | None, name: str) -> None:
        self.module, self.inputs, self.name = unwrapped(module), inputs, name
        self.layers = _chosen(self.module, layers, name)
        self._default = layers is None

    @torch.no_grad()
    def activations(self, inputs: Batch, numbers: Tensor) -> dict[str, Tensor]:
        """Run the module on a batch."""
        found: dict[str, Tensor] = {}
        tensor = next(chain(self.module.parameters(), self.module.buffers()), None)
        given: Any = _as_yielded(inputs if tensor is None else inputs.to(tensor.device))
        given = given if self.inputs is None else self.inputs(given)
        with _evaluation(self.module), self._hooks(found):
            try:
                self.module(**given) if isinstance(given, Mapping) else self.module(given)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
                raise DataError(
                    f"{self.name}: {type(self.module).__name__} cannot be run on inputs {shape}: {error}; give "
                    f"inputs_{self.name}= a function from the loader's inputs to its own"
                ) from error
        missing = [layer for layer in self.layers if not any(_base(key) == layer for key in found)]
        if missing and not (self._default and found):
            raise ArchitectureError(
                f"{self.name}: layers {missing} are never called with a tensor as output; leave them out of "
                f"layers_{self.name}"
            )
        return found

    @contextmanager
    def _hooks(self, found: dict[str, Tensor]) -> Iterator[None]:
        modules = dict(self.module.named_modules())

        def keep(layer: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(module: nn.Module, _: Any, output: Any) -> None:
                if (value := _tensor(output)) is not None:
                    calls = sum(_base(key) == layer for key in found)
                    key = layer if not calls else f"{layer}@{calls + 1}"
                    found[key] = channels_last(value, module)

            return hook

        handles = [modules[layer].register_forward_hook(keep(layer)) for layer in self.layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


class FunctionSide:
    """A function from a batch of inputs to a tensor, or to tensors by name, stimuli first and channels last."""

    def __init__(
        self, function: Callable[[Any], Any], layers: Sequence[str] | None, inputs: Inputs | None, name: str
    ) -> None:
        self.function, self.chosen, self.inputs, self.name = function, layers, inputs, name

    @torch.no_grad()
    def activations(self, inputs: Batch, numbers: Tensor) -> dict[str, Tensor]:
        """Call the function on a batch."""
        given = _as_yielded(inputs)
        result = self.function(given if self.inputs is None else self.inputs(given))
        named = result if isinstance(result, Mapping) else {"output": result}
        for layer, value in named.items():
            if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != len(inputs):
                raise DataError(
                    f"{self.name}: a function must return tensors with {len(inputs)} stimuli along the first axis and "
                    f"channels along the last; {layer!r} is {_shape(value)}"
                )
        return {layer: named[layer] for layer in matching(list(named), self.chosen, self.name)}


class ResponseSide:
    """Responses recorded beforehand, one row a stimulus in the order of the loader, mean over trials.

    Args:
        responses: By area or layer, `(stimuli, features)`.
        layers: Which of them; all by default.
        name: `a` or `b`, for messages.
    """

    def __init__(self, responses: Mapping[str, Tensor], layers: Sequence[str] | None, name: str) -> None:
        self.responses = {layer: responses[layer] for layer in matching(list(responses), layers, name)}
        self.name = name
        self.count = len(next(iter(self.responses.values())))

    def activations(self, inputs: Batch, numbers: Tensor) -> dict[str, Tensor]:
        """Return the responses to a batch of stimuli."""
        if (stop := int(numbers.max()) + 1) > self.count:
            raise DataError(
                f"{self.name}: responses to {self.count} stimuli, but the loader yields {stop} or more; they must "
                "come in the same order, one row a stimulus"
            )
        return {layer: value[numbers] for layer, value in self.responses.items()}


def _as_yielded(inputs: Batch) -> Tensor | dict[str, Tensor]:
    return inputs.tensors if isinstance(inputs, Named) else inputs


def unwrapped(module: nn.Module) -> nn.Module:
    """Return what a wrapper of `torch.compile` or data parallelism runs.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(net)) is net
        True
    """
    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


def matching(names: Sequence[str], wanted: Sequence[str] | str | None, side: str) -> list[str]:
    """Return the names that patterns select, in their own order.

    Raises:
        ArchitectureError: If a pattern matches none.

    Example:
        >>> matching(["conv1", "layer1.0", "layer1.1"], ["layer1.*"], "a")
        ['layer1.0', 'layer1.1']
    """
    if wanted is None:
        return list(names)
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ArchitectureError(f"layers_{side}: {pattern!r} matches none of {list(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def channels_last(value: Tensor, module: nn.Module) -> Tensor:
    """Move the channels of an activation last: they are second in maps, unless the module works on the last axis.

    Args:
        value: What the module returned, `(n, …)`.
        module: Maps of three and more dimensions have their channels second where it is a convolution, a batch, group
            or instance norm, or a pooling, and in general with four dimensions and more; sequences of tokens
            `(n, t, d)` have them last.
    """
    last = isinstance(module, (nn.Linear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase))
    second = isinstance(module, _CHANNELS_SECOND)
    if value.ndim > 2 and (second or (value.ndim > 3 and not last)):
        return value.movedim(1, -1)
    return value


_CHANNELS_SECOND = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)


def _chosen(module: nn.Module, layers: Sequence[str] | str | None, side: str) -> list[str]:
    names = [name for name, _ in module.named_modules()]
    if layers is not None:
        return matching(names, layers, side)
    found = [
        name
        for name, child in module.named_modules()
        if any(parameter.ndim > 1 for parameter in child.parameters(recurse=False))
    ]
    return found or [""]


@contextmanager
def _evaluation(module: nn.Module) -> Iterator[None]:
    training = [child for child in module.modules() if child.training]
    module.eval()
    try:
        yield
    finally:
        for child in training:
            child.training = True


def _tensor(output: Any) -> Tensor | None:
    """Return the activation in what a module returned: the first floating tensor of a tuple, dict or dataclass."""
    if isinstance(output, Tensor):
        return output if output.ndim > 1 and (output.is_floating_point() or output.is_complex()) else None
    if isinstance(output, Mapping):
        output = list(output.values())
    elif hasattr(output, "__dataclass_fields__"):
        output = list(vars(output).values())
    if isinstance(output, (tuple, list)):
        return next((value for part in output if (value := _tensor(part)) is not None), None)
    return None


def _base(key: str) -> str:
    return key.partition("@")[0]


def _shape(value: Any) -> str:
    return f"{tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def side_of(value: Any, layers: Sequence[str] | None, inputs: Inputs | None, name: str) -> Side | None:
    """Return the side of a module or a function; nothing for anything else, such as recorded responses.

    Raises:
        RainbowError: If the layers are no names.
    """
    if layers is not None and not isinstance(layers, str) and not all(isinstance(layer, str) for layer in layers):
        raise RainbowError(f"layers_{name}: expected names or patterns of layers, got {layers!r}")
    if isinstance(value, nn.Module):
        return ModuleSide(value, layers, inputs, name)
    return FunctionSide(value, layers, inputs, name) if callable(value) else None
