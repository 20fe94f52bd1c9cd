"""The smoothed law: trained neurons mixed with normal ones, mean and covariance kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.checks import real
from rainbownet.errors import LawError
from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block
from rainbownet.laws.draws import cpu_generator
from rainbownet.laws.gaussian import Gaussian


@dataclass(frozen=True, eq=False)
class FittedSmoothed(FittedLaw):
    """A fitted smoothed law.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean of the base `(D,)`.
        rows: All trained neurons `(n, D)`, the reference network's first.
        reference: Number of the reference network's neurons.
        h: Bandwidth.
        base: The fitted law that is mixed in.
    """

    rows: Float[Tensor, "n D"]
    reference: int
    h: float
    base: FittedLaw

    @property
    def rank(self) -> int:
        """Rank of the base."""
        return self.base.rank

    def neurons(self) -> Float[Tensor, "k D"]:
        """Return the reference network's neurons."""
        return self.rows[: self.reference]

    def _tensors(self) -> dict[str, Tensor]:
        base = {f"base.{name}": value for name, value in self.base.tensors().items()}
        return {"rows": self.rows, "reference": torch.tensor(self.reference)} | base

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        return {"rows": ("n", "D"), "reference": ()}

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedSmoothed:
        if not isinstance(law, Smoothed):
            raise LawError(f"a smoothed law was asked to read a {law.name} law")
        inner = {name.removeprefix("base."): value for name, value in tensors.items() if name.startswith("base.")}
        base = FittedLaw.from_tensors(law.base, blocks, inner)
        rows, reference = tensors["rows"].double(), int(tensors["reference"])
        if not 1 <= reference <= len(rows):
            raise LawError(f"tensor 'reference' is {reference}, expected a number of the {len(rows)} rows")
        return cls(blocks, base.mean, rows, reference, law.h, base)

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        noise = self.base.draw(n, draw=draw, generator=generator) - self.mean
        chosen = self._choose(n, draw, cpu_generator(generator)).to(self.rows.device)
        return self.mean + math.sqrt(1 - self.h**2) * (self.rows[chosen] - self.mean) + self.h * noise

    def _choose(self, n: int, draw: str, generator: torch.Generator) -> Tensor:
        count = len(self.rows)
        if draw == "gaussian":
            return torch.randint(count, (n,), generator=generator)
        rounds = [torch.randperm(count, generator=generator) for _ in range(math.ceil(n / count))]
        return torch.cat(rounds)[:n]


@dataclass(frozen=True)
class Smoothed(Law[FittedSmoothed]):
    r"""A trained neuron shrunk to the mean, plus a neuron of another law: :math:`w' = m + \sqrt{1-h^2}(w_k - m) + h g`.

    `g` is a draw of the base less its mean `m`. With a full Gaussian base mean and covariance are those of the neurons
    for every `h`: at 1 it is the Gaussian rainbow, at 0 it reuses trained neurons. Accuracy against `h` says whether
    information sits in single neurons or in their covariance. Trained neurons are chosen uniformly; under orthogonal
    and antithetic draws each is used equally often, in random permutations one after the other.

    Args:
        h: Bandwidth, between 0 and 1.
        base: The law of `g`.

    Raises:
        LawError: If `h` is outside.

    Example:
        >>> rows = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
        >>> law = Smoothed(h=0.0).fit(rows, [Block("weight", (2,))])
        >>> law.draw(2, draw="orthogonal", generator=torch.Generator().manual_seed(0)).sort(0).values.round(decimals=6)
        tensor([[1., 2.],
                [3., 2.]], dtype=torch.float64)
    """

    h: float = 0.5
    base: Law = field(default_factory=Gaussian)
    name: ClassVar[str] = "smoothed"
    fitted: ClassVar[type[FittedLaw]] = FittedSmoothed

    def __post_init__(self):
        h = real("h", self.h, least=0, most=1, error=LawError)
        object.__setattr__(self, "h", h)
        if not isinstance(self.base, Law):
            raise LawError(f"base: expected a law, as in rainbownet.Gaussian(), got {self.base!r}")

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> FittedSmoothed:
        """Fit the base and keep the neurons."""
        base = self.base._fit(rows, blocks, reference, name)
        return FittedSmoothed(blocks, base.mean, rows, reference, self.h, base)
