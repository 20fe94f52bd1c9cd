"""What a law of neurons is: fitted to rows, it draws rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import LawError
from rainbownet.laws.block import Block
from rainbownet.options import Option


class Law(Option):
    """Base of the laws: frozen options that fit a distribution to the neurons of a population.

    A law is one file with a frozen dataclass and the `FittedLaw` that it fits, and one line in the registry.

    Attributes:
        fitted: Class of what `fit` returns.
    """

    fitted: ClassVar[type[FittedLaw]]

    def fit(self, rows: Inexact[Tensor, "n D"], blocks: Sequence[Block], *, reference: int | None = None) -> FittedLaw:
        """Fit the law.

        Args:
            rows: Neurons, one per row: those of the reference network, then those of other networks moved to its space.
            blocks: Which columns are which parameter, in order.
            reference: How many of the first rows belong to the reference network; all if None.

        Returns:
            The fitted law.

        Raises:
            LawError: If the rows do not fit the blocks, or the law cannot be fitted to them.
        """
        raise NotImplementedError


class FittedLaw(ABC):
    """A fitted law: a distribution of neurons that can be drawn from and written to a file.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean of the law, `(D,)`; zero where the law is centred.
    """

    blocks: tuple[Block, ...]
    mean: Float[Tensor, " D"]

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of white coefficients behind a neuron."""

    @abstractmethod
    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference network's own neurons, exactly or up to the rank of the law."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what a file needs to hold; `from_tensors` turns it back into the law."""

    @classmethod
    def from_tensors(cls, law: Law, blocks: Sequence[Block], tensors: Mapping[str, Tensor]) -> FittedLaw:
        """Return the fitted law that `tensors` came from.

        Called on `FittedLaw` itself it finds the class that belongs to the law.

        Args:
            law: The law that was fitted.
            blocks: Its blocks.
            tensors: What `tensors()` returned.

        Returns:
            The fitted law.

        Raises:
            LawError: If a tensor is missing.
        """
        try:
            return law.fitted._restore(law, tuple(blocks), tensors)
        except KeyError as error:
            raise LawError(
                f"the tensors of a {law.name} law must hold {error}; there are {', '.join(sorted(tensors))}"
            ) from error

    @classmethod
    @abstractmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedLaw: ...

    @abstractmethod
    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]: ...

    def draw(self, n: int, *, draw: str = "gaussian", generator: torch.Generator | None = None) -> Float[Tensor, "n D"]:
        """Draw neurons.

        Args:
            n: How many.
            draw: "gaussian", "orthogonal" or "antithetic" (see `coefficients`), or "identity" for the reference
                network's own neurons.
            generator: A generator on the CPU; only "identity" goes without.

        Returns:
            Neurons in float64, on the device of the law.

        Raises:
            LawError: If the draw is unknown, `n` is not positive, the generator is missing or not on the CPU, or
                `draw="identity"` and `n` is not the reference network's number of neurons.
        """
        if n < 1:
            raise LawError(f"a draw has at least one neuron, got n={n}")
        if draw != "identity":
            return self._draw(n, draw, generator)
        neurons = self.neurons()
        if n != len(neurons):
            raise LawError(f"draw='identity' gives the reference network's {len(neurons)} neurons, asked for {n}")
        return neurons
