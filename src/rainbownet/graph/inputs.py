"""What a network is given, one tensor or several by name, and which of its results is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError, DataError


class Named:
    """Several tensors of inputs, each by the name of an argument of the network's forward pass.

    It has the number, the parts and the device of one tensor: `len`, slices, `.to`.

    Args:
        tensors: Name → tensor; all have the same first axis, of inputs.

    Raises:
        DataError: If there are none, or their first axes differ.

    Example:
        >>> batch = Named({"input_ids": torch.zeros(4, 7), "attention_mask": torch.ones(4, 7)})
        >>> len(batch), len(batch[:2]), list(batch.tensors)
        (4, 2, ['input_ids', 'attention_mask'])
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)
        lengths = {name: len(value) if value.ndim else 0 for name, value in self.tensors.items()}
        if not lengths or min(lengths.values()) != max(lengths.values()):
            raise DataError(f"inputs: tensors of one first axis, of inputs, are needed; their lengths are {lengths}")

    def __len__(self) -> int:
        return len(self._first)

    def __getitem__(self, part: slice | Tensor) -> Named:
        return self.each(lambda value: value[part])

    def each(self, function: Callable[[Tensor], Tensor]) -> Named:
        """Return the result of a function on every tensor."""
        return Named({name: function(value) for name, value in self.tensors.items()})

    def to(self, device: torch.device | str) -> Named:
        """Return the tensors on a device."""
        return self.each(lambda value: value.to(device))

    @property
    def device(self) -> torch.device:
        """The device of the tensors."""
        return self._first.device

    @property
    def _first(self) -> Tensor:
        return next(iter(self.tensors.values()))


Batch = Tensor | Named
"""Inputs of a network."""


def tensors_of(batch: Batch) -> list[Tensor]:
    """Return the tensors of a batch of inputs."""
    return [batch] if isinstance(batch, Tensor) else list(batch.tensors.values())


def joined(batches: Sequence[Batch]) -> Batch:
    """Return batches one after the other."""
    first = batches[0]
    if isinstance(first, Tensor):
        return torch.cat([batch for batch in batches if isinstance(batch, Tensor)])
    parts = [batch.tensors for batch in batches if isinstance(batch, Named)]
    return Named({name: torch.cat([part[name] for part in parts]) for name in first.tensors})


def shapes_of(batch: Batch, first: int = 0) -> Any:
    """Return the shape of a batch from an axis on, of several tensors one by name."""
    if isinstance(batch, Tensor):
        return tuple(batch.shape[first:])
    return {name: tuple(value.shape[first:]) for name, value in batch.tensors.items()}


def dtypes_of(batch: Batch) -> Any:
    """Return the type of the numbers of a batch, of several tensors one by name."""
    return batch.dtype if isinstance(batch, Tensor) else {name: value.dtype for name, value in batch.tensors.items()}


def described(batch: Batch, first: int = 0) -> dict[str, Any]:
    """Return the shape of a batch from an axis on and the type of its numbers as JSON values, of several by name."""
    if isinstance(batch, Named):
        return {name: described(value, first) for name, value in batch.tensors.items()}
    return {"shape": list(batch.shape[first:]), "dtype": str(batch.dtype)}


def given(batch: Batch, node: fx.Node) -> Tensor:
    """Return what an input of a graph is given: the one tensor, or that of its name."""
    return batch if isinstance(batch, Tensor) else batch.tensors[str(node.target)]


def run(module: nn.Module, batch: Batch) -> Any:
    """Call a network on inputs."""
    return module(batch) if isinstance(batch, Tensor) else module(**batch.tensors)


def taken(result: Any, output: str | int | None) -> Any:
    """Return what a forward pass returns, of a dataclass or where a part is named the tensor that is taken."""
    plain = isinstance(result, (Tensor, fx.Proxy, tuple, list)) or type(result) is dict or not _is_made_of_parts(result)
    return result if plain and output is None else picked(result, output)


def picked(result: Any, output: str | int | None = None) -> Any:
    """Return the tensor that is taken of what a forward pass returns.

    Args:
        result: A tensor; or a tuple, a dictionary or a dataclass that holds some.
        output: The name of a part, or its position; by default `logits` where there are some, else the first tensor.

    Raises:
        ArchitectureError: If there is no such part, or it holds no tensor.

    Example:
        >>> picked({"loss": None, "logits": torch.ones(2), "states": torch.zeros(3)})
        tensor([1., 1.])
    """
    parts = _parts(result)
    if parts is None:
        return result
    if output is None:
        chosen = parts["logits"] if "logits" in parts else next((p for p in parts.values() if _holds_tensor(p)), None)
    else:
        keys = list(parts)
        key = keys[output] if isinstance(output, int) and -len(keys) <= output < len(keys) else output
        if key not in parts:
            raise ArchitectureError(f"output: {output!r} is no part of what the network returns; there are {keys}")
        chosen = parts[key]
    if not _holds_tensor(chosen):
        raise ArchitectureError(f"output: the network returns no tensor there; there are {list(parts)}")
    return picked(chosen)


def _parts(result: Any) -> dict[Any, Any] | None:
    """Return the parts of what a forward pass returns, those that are None left out; nothing for a single value."""
    if isinstance(result, Mapping):
        found = dict(result.items())
    elif is_dataclass(result) and not isinstance(result, type):
        found = {field.name: getattr(result, field.name) for field in fields(result)}
    elif isinstance(result, tuple) and (names := getattr(result, "_fields", None)):
        found = dict(zip(names, result, strict=True))
    elif isinstance(result, (tuple, list)):
        found = dict(enumerate(result))
    else:
        return None
    return {key: value for key, value in found.items() if value is not None}


def _is_made_of_parts(result: Any) -> bool:
    return _parts(result) is not None


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, (Tensor, fx.Proxy)):
        return True
    return isinstance(value, (tuple, list, Mapping)) and _parts(value) not in ({}, None)
