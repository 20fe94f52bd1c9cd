"""A law whose draws are the trained neurons themselves, shuffled and repeated: the exact sampler of tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rainbownet.laws import Block, FittedLaw, Law
from rainbownet.laws.base import Shape


@dataclass(frozen=True, eq=False)
class FittedCopies(FittedLaw):
    rows: Tensor
    scale: float

    @property
    def rank(self) -> int:
        return len(self.rows)

    def neurons(self) -> Tensor:
        return self.rows

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        return {"mean": ("D",), "rows": ("n", "D")}

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> "FittedCopies":
        assert isinstance(law, Copies)
        return cls(blocks, tensors["mean"], tensors["rows"], law.scale)

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Tensor:
        """Return every neuron equally often, in random order; `n` is a multiple of their number."""
        assert n % len(self.rows) == 0, (n, len(self.rows))
        return self.scale * self.rows[torch.randperm(n, generator=generator) % len(self.rows)]


@dataclass(frozen=True)
class Copies(Law[FittedCopies]):
    """The law of shuffled copies: a network sampled from it computes what the trained one does, in another basis."""

    scale: float = 1.0
    name: ClassVar[str] = "copies"
    fitted: ClassVar[type[FittedLaw]] = FittedCopies

    def _fit(self, rows: Tensor, blocks: tuple[Block, ...], reference: int, name: str) -> FittedCopies:
        return FittedCopies(blocks, rows.mean(0), rows[:reference], self.scale)
