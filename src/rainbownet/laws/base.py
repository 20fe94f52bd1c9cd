"""What a law of neurons is: fitted to rows, it draws rows; what every law documents, checks and writes the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import ClassVar, Generic, TypeVar

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import LawError
from rainbownet.laws.block import Block, check_rows
from rainbownet.laws.factor import thin_factor
from rainbownet.options import Option

Fitted_co = TypeVar("Fitted_co", bound="FittedLaw", covariant=True)

Shape = tuple[int | str, ...]
"""Sizes of a tensor, or letters that stand for the same size wherever they are."""


class Law(Option, Generic[Fitted_co]):
    """Base of the laws: frozen options that fit a distribution to the neurons of a population.

    A law is one file with a frozen dataclass that has `_fit`, and the `FittedLaw` that it fits, and one line in the
    registry.

    Attributes:
        fitted: Class of what `fit` returns.
    """

    fitted: ClassVar[type[FittedLaw]]

    def fit(
        self,
        rows: Inexact[Tensor, "n D"],
        blocks: Sequence[Block],
        *,
        reference: int | None = None,
        name: str | None = None,
    ) -> Fitted_co:
        """Fit the law.

        Args:
            rows: Neurons, one per row: those of the reference network, then those of other networks moved to its space.
            blocks: Which columns are which parameter, in order.
            reference: How many of the first rows belong to the reference network; all if None.
            name: The population the neurons are of, for errors and warnings; by default its parameters are named.

        Returns:
            The fitted law.

        Raises:
            LawError: If the rows do not fit the blocks, or the law cannot be fitted to them.
            MissingExtra: If the law needs a package that is not installed.

        Warns:
            RainbowWarning: If a rank is larger than the number of directions there are; those are taken.
        """
        rows, blocks, count = check_rows(rows, blocks, reference)
        names = ", ".join(block.name for block in blocks)
        return self._fit(rows, blocks, count, f"population {name!r}" if name is not None else names)

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> Fitted_co:
        """Fit the law to rows that are checked: real, finite and in float64.

        Args:
            rows: Neurons, one per row.
            blocks: Which columns are which parameter.
            reference: How many of the first rows belong to the reference network.
            name: What the rows are of, for messages.
        """
        raise NotImplementedError(f"{type(self).__name__} has no _fit")


@dataclass(frozen=True, eq=False)
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

    def mean_and_factor(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
        """Return the mean and a factor of the covariance, where neurons are Gaussian under the law.

        Returns:
            Mean, and factor `F` with covariance ``FᵀF``.

        Raises:
            LawError: If neurons are not Gaussian under the law.

        Example:
            >>> from rainbownet.laws import Block, White
            >>> law = White().fit(torch.tensor([[3.0, 4.0, 5.0]]), [Block("weight", (2,)), Block("bias", ())])
            >>> law.mean_and_factor()
            (tensor([0., 0., 5.], dtype=torch.float64), tensor([[3.5355, 0.0000, 0.0000],
                    [0.0000, 3.5355, 0.0000]], dtype=torch.float64))
        """
        raise LawError(
            f"law: neurons are not Gaussian under {type(self).__name__.removeprefix('Fitted')}, so they have no factor "
            "that says all; fit the rainbow with law=rainbownet.Gaussian() (or White, Kronecker)"
        )

    def spectrum(self) -> Float[Tensor, " r"]:
        """Return the eigenvalues of the covariance of neurons that are drawn, by decreasing size.

        Of laws that are not Gaussian it is the covariance of the reference's neurons.

        Example:
            >>> from rainbownet.laws import Block, White
            >>> White().fit(torch.tensor([[3.0, 5.0]]), [Block("weight", (2,))]).spectrum()
            tensor([17., 17.], dtype=torch.float64)
        """
        neurons = self.neurons()
        return thin_factor(neurons - neurons.mean(0))[1].square().sum(1)

    def factor_and_noise(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"], Float[Tensor, " B"]]:
        """Return the mean, a factor, and for each block the deviation of an independent noise in all its columns.

        Returns:
            Mean, factor `F` and deviations: the covariance is ``FᵀF`` and the noise's on the diagonal; where a law
            draws its noise on a subspace, of the same energy in each block.

        Raises:
            LawError: If neurons are not Gaussian under the law.

        Example:
            >>> from rainbownet.laws import Block, White
            >>> law = White().fit(torch.tensor([[3.0, 4.0, 5.0]]), [Block("weight", (2,)), Block("bias", ())])
            >>> law.factor_and_noise()
            (tensor([0., 0., 5.], dtype=torch.float64), tensor([], size=(0, 3), dtype=torch.float64),
             tensor([3.5355, 0.0000], dtype=torch.float64))
        """
        mean, factor = self.mean_and_factor()
        return mean, factor, mean.new_zeros(len(self.blocks))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file needs to hold; `from_tensors` turns it back into the law.

        Returns:
            Tensors by name: those that are attributes of the law, or what the law derives them from.
        """
        return self._tensors()

    def _tensors(self) -> dict[str, Tensor]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

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
            LawError: If a tensor is missing, not finite, or of another shape than the blocks and the others ask for.
        """
        blocks = tuple(blocks)
        try:
            sizes: dict[str, int] = {"D": sum(block.size for block in blocks)}
            for name, shape in law.fitted._shapes(law, blocks, tensors).items():
                check_tensor(name, tensors[name], shape, sizes)
            return law.fitted._restore(law, blocks, tensors)
        except KeyError as error:
            raise LawError(
                f"the tensors of a {law.name} law must hold {error}; there are {', '.join(sorted(tensors))}"
            ) from error

    @classmethod
    @abstractmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        """Return the shape of each tensor of a file: sizes, or letters that stand for one size each."""

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedLaw:
        names = [f.name for f in fields(cls) if f.name != "blocks" and f.default is MISSING]
        return cls(blocks, **{name: tensors[name].double() for name in names})

    @abstractmethod
    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        """Draw `n` neurons with coefficients of the given kind; the kind and the generator are not checked yet."""

    def draw(self, n: int, *, draw: str = "gaussian", generator: torch.Generator | None = None) -> Float[Tensor, "n D"]:
        """Draw neurons.

        Args:
            n: How many.
            draw: "gaussian", "orthogonal", "antithetic" or "centred" (see `coefficients`), or "identity" for the
                reference network's own neurons.
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


def check_tensor(name: str, tensor: Tensor, shape: Shape, sizes: dict[str, int]) -> None:
    """Refuse a tensor of a file that does not fit the others.

    Args:
        name: What it is called in the file.
        tensor: The tensor.
        shape: Its shape.
        sizes: What letters stand for, known so far; new letters are added.

    Raises:
        LawError: If its shape is another, or it holds complex numbers, NaN or Inf.

    Example:
        >>> sizes = {"D": 3}
        >>> check_tensor("factor", torch.zeros(2, 3), ("r", "D"), sizes)
        >>> sizes
        {'D': 3, 'r': 2}
    """
    if tensor.dim() == len(shape):
        for letter, size in zip(shape, tensor.shape, strict=True):
            if isinstance(letter, str):
                sizes.setdefault(letter, size)
    expected = tuple(sizes.get(size, size) if isinstance(size, str) else size for size in shape)
    if tuple(tensor.shape) != expected:
        raise LawError(f"tensor {name!r} has the shape {tuple(tensor.shape)}, expected {expected}")
    if tensor.is_complex() or not torch.isfinite(tensor).all():
        raise LawError(f"tensor {name!r} holds complex numbers, NaN or Inf; a law is made of finite real numbers")
