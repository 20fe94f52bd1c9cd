"""A labelled set held as two tensors, whatever its inputs are."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Int64
from torch import Tensor

from rainbownet.checks import seed_of, whole
from rainbownet.errors import DataError

Same = TypeVar("Same", bound="Examples")


@dataclass(frozen=True, eq=False)
class Examples(ABC):
    """Inputs and their classes: `Images`, or the windows of a `Text`.

    Args:
        inputs: Inputs, the first axis runs over them.
        targets: Classes, indices into `classes`: one an input, or one at each position of an input.
        classes: Names of the classes.
        name: Where they come from.
    """

    inputs: Tensor
    targets: Tensor
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input."""
        return tuple(self.inputs.shape[1:])

    @property
    def normalisation(self) -> dict[str, Any] | None:
        """How inputs become what a network reads, None where they stay."""
        return None

    @abstractmethod
    def normalise(self, inputs: Tensor) -> Tensor:
        """Return a batch of these inputs as a network reads it."""

    def to(self: Same, device: torch.device | str) -> Same:
        """Return the same examples on another device (copied only if they are elsewhere)."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))

    def subset(self: Same, indices: Int64[Tensor, " k"] | Sequence[int]) -> Same:
        """Return the examples at the given positions, in that order."""
        chosen = torch.as_tensor(indices, dtype=torch.int64, device=self.inputs.device)
        return replace(self, inputs=self.inputs[chosen], targets=self.targets[chosen])

    def some(self: Same, count: int, *, seed: int = 0) -> Same:
        """Return examples drawn at random without replacement, all of them if there are no more.

        The first examples of a data set can be all of one class: many are stored class by class.

        Raises:
            DataError: If `count` is not a positive whole number.
        """
        count, seed = whole("count", count, least=1, error=DataError), seed_of(seed)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        return self.subset(order[:count])

    def fingerprint(self) -> str:
        """Return a short hash of the labels, the scale and (at most a thousand of) the inputs."""
        stride = max(1, len(self) // 1000)
        digest = hashlib.sha256(repr((self.shape, self.classes, *self._scale())).encode())
        for tensor in (self.targets, self.inputs[::stride]):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _scale(self) -> tuple[Any, ...]:
        return ()
