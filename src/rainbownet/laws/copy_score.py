"""The copy score: how close drawn neurons come to single trained ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.laws.block import Block
from rainbownet.laws.gaussian import Gaussian


@dataclass(frozen=True)
class CopyScore:
    """How close drawn neurons come to trained ones.

    Attributes:
        score: Mean over drawn neurons of the largest |cosine| to a trained neuron; 1 for copies.
        baseline: The same for as many independent normal neurons with the trained ones' mean and covariance.
    """

    score: float
    baseline: float


def copy_score(drawn: Float[Tensor, "k D"], trained: Float[Tensor, "n D"], *, generator: torch.Generator) -> CopyScore:
    """Compare drawn with trained neurons, beside what a Gaussian draw gives by chance.

    Args:
        drawn: Drawn neurons.
        trained: Trained neurons.
        generator: For the baseline, on the CPU.

    Returns:
        Score and baseline. A neuron of zeros has cosine 0 to all.

    Raises:
        LawError: If there is no neuron, or one is not finite.

    Example:
        >>> rows = torch.eye(3)
        >>> round(copy_score(-2 * rows, rows, generator=torch.Generator().manual_seed(0)).score, 6)
        1.0
    """
    law = Gaussian().fit(trained, [Block("neuron", (trained.shape[1],))])
    baseline = law.draw(len(drawn), generator=generator)
    return CopyScore(score=_nearest(drawn.double(), trained.double()), baseline=_nearest(baseline, trained.double()))


def _nearest(drawn: Tensor, trained: Tensor) -> float:
    directions = torch.nn.functional.normalize(trained, dim=1)
    cosines = torch.nn.functional.normalize(drawn, dim=1) @ directions.T
    return cosines.abs().amax(1).mean().item()
