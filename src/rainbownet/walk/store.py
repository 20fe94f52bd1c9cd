"""A store of activations with a budget: what does not fit in memory goes to disk."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rainbownet.errors import RainbowError


class Store:
    """Keep values under keys, at most `budget` bytes of tensors of them in memory.

    Args:
        budget: Bytes of activations held in memory. The rest is written to a temporary folder, one file a value, and
            read back when asked for: the values are the same.

    Attributes:
        held: Bytes held in memory now.
        peak: The most bytes that were held in memory.
        spilled: Bytes written to disk in all.

    Example:
        >>> with Store(budget=8) as store:
        ...     store.put("a", torch.ones(2)); store.put("b", torch.zeros(3))
        ...     store.held, store.spilled, store.get("b")
        (8, 12, tensor([0., 0., 0.]))
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.held = self.peak = self.spilled = 0
        self._memory: dict[Any, Any] = {}
        self._files: dict[Any, tuple[Path, torch.device, torch.dtype]] = {}
        self._folder: tempfile.TemporaryDirectory | None = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._memory.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def put(self, key: Any, value: Any) -> None:
        """Keep a value; tensors count against the budget, also within tuples and lists, other objects do not."""
        if isinstance(value, (tuple, list)) and any(isinstance(part, Tensor) for part in value):
            self._memory[key] = _Parts(type(value), len(value))
            for i, part in enumerate(value):
                self.put((key, i), part)
            return
        value = _alone(value)
        size = _bytes(value)
        if size == 0 or self.held + size <= self.budget:
            self._memory[key] = value
            self.held += size
            self.peak = max(self.peak, self.held)
        else:
            self._spill(key, value)

    def get(self, key: Any) -> Any:
        """Return a kept value, on the device it came from."""
        if key in self._memory:
            value = self._memory[key]
            return value.kind(self.get((key, i)) for i in range(value.count)) if isinstance(value, _Parts) else value
        path, device, dtype = self._files[key]
        array = np.load(path, allow_pickle=False)
        value = torch.from_numpy(array).to(device)
        return value.view(dtype) if value.dtype != dtype else value

    def drop(self, key: Any) -> None:
        """Forget a value."""
        if key in self._memory:
            value = self._memory.pop(key)
            self.held -= _bytes(value)
            if isinstance(value, _Parts):
                for i in range(value.count):
                    self.drop((key, i))
        else:
            self._files.pop(key)[0].unlink()

    def _spill(self, key: Any, value: Tensor) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="rainbownet-")
        path = Path(self._folder.name) / f"{len(self._files)}-{self.spilled}.npy"
        plain = value.contiguous().cpu()
        array = plain.view(torch.int16) if value.dtype is torch.bfloat16 else plain
        try:
            np.save(path, array.numpy(), allow_pickle=False)
        except OSError as error:
            raise RainbowError(
                f"activations beyond the memory budget of {self.budget} bytes cannot be written to {path.parent}: "
                f"{error}; raise budget=, use fewer images, or point TMPDIR at a larger disk"
            ) from error
        self._files[key] = (path, value.device, value.dtype)
        self.spilled += _bytes(value)


@dataclass(frozen=True)
class _Parts:
    """Stands for a tuple or list whose parts are kept under keys of their own."""

    kind: type
    count: int


def _alone(value: Any) -> Any:
    """Return a part of a larger tensor by itself: a view would hold the whole."""
    if isinstance(value, Tensor) and value.untyped_storage().nbytes() > _bytes(value):
        return value.clone()
    return value


def _bytes(value: Any) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0
