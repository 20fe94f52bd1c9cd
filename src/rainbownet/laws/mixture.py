"""The mixture law: neurons of several kinds, each normal."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.checks import whole
from rainbownet.errors import LawError
from rainbownet.extras import require
from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block
from rainbownet.laws.draws import cpu_generator
from rainbownet.laws.factor import check_rank, kept, thin_factor
from rainbownet.laws.gaussian import FittedGaussian

FOLDS = 5
"""Parts of the neurons that are left out in turn."""

CHOICES = ("bic", "held-out")

LEAST_SHARE = 1e-2  # a component that is this little responsible for a neuron does not hold its row


@dataclass(frozen=True, eq=False)
class FittedMixture(FittedLaw):
    """A fitted mixture.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean of the mixture `(D,)`.
        weights: Probability of each component `(k,)`.
        components: The normal laws.
        rows: The reference network's neurons.
    """

    weights: Float[Tensor, " k"]
    components: tuple[FittedGaussian, ...]
    rows: Float[Tensor, "n D"]

    @property
    def rank(self) -> int:
        """Largest rank of a component."""
        return max(component.rank for component in self.components)

    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference network's neurons."""
        return self.rows

    def _tensors(self) -> dict[str, Tensor]:
        parts = {
            f"component.{i}.{name}": getattr(component, name)
            for i, component in enumerate(self.components)
            for name in ("mean", "factor")
        }
        return {"weights": self.weights, "rows": self.rows} | parts

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        parts: dict[str, Shape] = {"weights": ("k",), "rows": ("n", "D")}
        for i in range(tensors["weights"].numel()):
            parts |= {f"component.{i}.mean": ("D",), f"component.{i}.factor": (f"r{i}", "D")}
        return parts

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedMixture:
        weights = tensors["weights"].double()
        if not (len(weights) and (weights >= 0).all() and weights.any()):
            raise LawError(f"tensor 'weights' is {weights.tolist()}, expected shares of one component at least")
        parts = [
            (tensors[f"component.{i}.mean"].double(), tensors[f"component.{i}.factor"].double())
            for i in range(len(weights))
        ]
        return _assembled(blocks, weights, parts, tensors["rows"].double())

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        generator = cpu_generator(generator)
        rows = [
            component.draw(count, draw=draw, generator=generator)
            for component, count in zip(self.components, self._counts(n, draw, generator), strict=True)
            if count
        ]
        return torch.cat(rows)[torch.randperm(n, generator=generator).to(self.mean.device)]

    def _counts(self, n: int, draw: str, generator: torch.Generator) -> list[int]:
        """Return how many neurons each component gives: independent, or as even as whole numbers allow."""
        shares = self.weights.cpu().cumsum(0)
        if draw == "gaussian":
            labels = torch.searchsorted(shares / shares[-1], torch.rand(n, dtype=torch.float64, generator=generator))
            return torch.bincount(labels.clamp(max=len(shares) - 1), minlength=len(shares)).tolist()
        # Systematic sampling: expected counts are exact and no count is off by 1 or more.
        offset = torch.rand(1, dtype=torch.float64, generator=generator)
        steps = (shares / shares[-1] * n + offset).floor().long()
        return torch.diff(steps, prepend=torch.zeros(1, dtype=torch.long)).tolist()


@dataclass(frozen=True)
class Mixture(Law[FittedMixture]):
    """Neurons come from `k` normal laws.

    Expectation-maximisation runs on the leading `coordinates` white principal coordinates of the neurons, where there
    are neurons enough to tell components apart. Each component then takes the weighted mean and the thin factor of the
    whole rows it is responsible for, so that mean and covariance of the mixture are exactly those of the neurons (at
    full rank). Needs scikit-learn, the extra `train`.

    Args:
        k: Number of components, or how the number up to `max_k` is chosen: "bic" for the least Bayesian information
            criterion, "held-out" for the largest likelihood of neurons that were left out (every fifth in turn).
        max_k: Largest number that is tried.
        rank: Number of principal directions of a component, or the share of its energy they hold; all if None.
        coordinates: Number of principal coordinates in which components are told apart.
        seed: Seed of the first guess of expectation-maximisation.

    Raises:
        LawError: If an option is none of the above.
        MissingExtra: On fitting, if scikit-learn is not installed.

    Example:
        >>> rows = torch.tensor([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
        >>> law = Mixture(k=2).fit(rows, [Block("weight", (1,))])
        >>> law.weights
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """

    k: str | int = "bic"
    max_k: int = 8
    rank: int | float | None = None
    coordinates: int = 8
    seed: int = 0
    name: ClassVar[str] = "mixture"
    fitted: ClassVar[type[FittedLaw]] = FittedMixture

    def __post_init__(self):
        numbers = {
            "k": self.k
            if self.k in CHOICES
            else whole("k", self.k, least=1, otherwise="'bic', 'held-out', or ", error=LawError),
            "max_k": whole("max_k", self.max_k, least=1, error=LawError),
            "rank": check_rank(self.rank),
            "coordinates": whole("coordinates", self.coordinates, least=1, error=LawError),
            "seed": whole("seed", self.seed, error=LawError),
        }
        for argument, value in numbers.items():
            object.__setattr__(self, argument, value)

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> FittedMixture:
        """Fit the mixture."""
        if isinstance(self.k, int) and self.k > len(rows):
            raise LawError(f"{name}: a mixture of {self.k} components needs as many neurons, got {len(rows)}")
        white, _ = thin_factor(rows - rows.mean(0))
        shares = self._responsibilities(white[:, : self.coordinates]).to(rows.device)
        shares = torch.where(shares < LEAST_SHARE, 0.0, shares)
        shares = shares / shares.sum(1, keepdim=True)
        shares = shares[:, shares.sum(0) > 0]
        parts = [self._component(rows, share / share.sum(), name) for share in shares.T]
        return _assembled(blocks, shares.mean(0), parts, rows[:reference])

    def _responsibilities(self, white: Tensor) -> Tensor:
        """Return the probability of each component given each row."""
        points = white.cpu().numpy()
        if points.shape[1] == 0:
            return torch.ones(len(points), 1, dtype=torch.float64)
        if isinstance(self.k, int):
            numbers = [self.k]
        else:
            # More components than this would have more parameters in their covariances than there are numbers.
            limit = 2 * len(points) // (points.shape[1] + 1)
            numbers = range(1, max(1, min(self.max_k, limit)) + 1)
        mixture = require("sklearn.mixture", extra="train")

        def fitted(k: int, rows: Any) -> Any:
            return mixture.GaussianMixture(k, random_state=self.seed, n_init=3, max_iter=500).fit(rows)

        def held_out(k: int) -> float:
            parts = [np.arange(len(points)) % FOLDS == fold for fold in range(FOLDS)]
            return sum(fitted(k, points[~part]).score_samples(points[part]).sum() for part in parts)

        with warnings.catch_warnings():
            # Stopping early is harmless: mean and covariance of the mixture are exact for any responsibilities.
            warnings.simplefilter("ignore", require("sklearn.exceptions", extra="train").ConvergenceWarning)
            if self.k == "held-out":
                # What is left of the neurons must hold each component; of fewer than folds nothing is told apart.
                most = len(points) - math.ceil(len(points) / FOLDS) if len(points) >= FOLDS else 0
                best = fitted(max((k for k in numbers if k <= most), key=held_out, default=1), points)
            else:
                best = min((fitted(k, points) for k in numbers), key=lambda model: model.bic(points))
        return torch.from_numpy(best.predict_proba(points))

    def _component(self, rows: Tensor, weights: Tensor, name: str) -> tuple[Tensor, Tensor]:
        mean = weights @ rows
        held = weights > 0
        _, factor = thin_factor(rows[held] - mean, weights[held])
        what = f"{name}: a component of {int(held.sum())} neurons"
        return mean, factor[: kept(factor, self.rank, what)] if len(factor) else factor


def _assembled(
    blocks: tuple[Block, ...], weights: Tensor, parts: Sequence[tuple[Tensor, Tensor]], rows: Tensor
) -> FittedMixture:
    components = tuple(FittedGaussian(blocks, mean, factor, factor.new_zeros(0, len(factor))) for mean, factor in parts)
    mean = sum(
        (weight * part.mean for weight, part in zip(weights, components, strict=True)), torch.zeros_like(rows[0])
    )
    return FittedMixture(blocks, mean, weights, components, rows)
