"""Bulk and outliers: the spectrum of rows of weights against the Marchenko–Pastur law, raw and whitened."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from scipy.stats import gamma as gamma_distribution
from torch import Tensor

from rainbownet.errors import RainbowError, RainbowWarning
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_density, marchenko_pastur_edges
from rainbownet.spectra.shrinkage import bulk_variance

TRACY_WIDOM = {"shape": 46.446, "scale": 0.186054, "shift": 9.84801}
"""The gamma distribution nearest to the Tracy–Widom law of real matrices (Chiani, J. Multivariate Anal. 129, 2014)."""


@dataclass(frozen=True)
class Bulk:
    r"""A sample spectrum in units of a white one.

    Attributes:
        eigenvalues: Nonzero eigenvalues of the second moment, decreasing, divided by `variance`.
        rows: Number of rows, `n`.
        dimensions: Number of columns, `D`: after whitening, the rank of the covariance.
        variance: What eigenvalues were divided by.
        whitened: Whether rows were whitened first.
        level: Probability that a white matrix has an eigenvalue above `threshold`.
    """

    eigenvalues: Float[Tensor, " k"]
    rows: int
    dimensions: int
    variance: float
    whitened: bool
    level: float

    @property
    def gamma(self) -> float:
        r"""Dimensions per row, :math:`\gamma = D / n`."""
        return self.dimensions / self.rows

    @property
    def atom(self) -> float:
        r"""Share :math:`1 - 1/\gamma` of eigenvalues that are zero for want of rows; 0 with more rows than columns."""
        return max(0.0, 1 - 1 / self.gamma)

    @property
    def edges(self) -> tuple[float, float]:
        r"""Edges :math:`(1 \mp \sqrt\gamma)^2` of the white spectrum, for infinitely many rows."""
        return marchenko_pastur_edges(self.gamma)

    @property
    def threshold(self) -> float:
        """What the largest eigenvalue of a white matrix of this size exceeds with probability `level`.

        Johnstone (Ann. Stat. 29, 2001): centre and scale of the Tracy–Widom law.
        """
        n, d = math.sqrt(self.rows - 0.5), math.sqrt(self.dimensions - 0.5)
        quantile = gamma_distribution.ppf(1 - self.level, TRACY_WIDOM["shape"], scale=TRACY_WIDOM["scale"])
        scale = (n + d) * (1 / n + 1 / d) ** (1 / 3)
        return ((n + d) ** 2 + scale * (float(quantile) - TRACY_WIDOM["shift"])) / self.rows

    @property
    def above(self) -> int:
        """Number of eigenvalues above the upper edge, finite-size fluctuations of the bulk among them."""
        return int((self.eigenvalues > self.edges[1]).sum())

    @property
    def below(self) -> int:
        """Number of nonzero eigenvalues below the lower edge."""
        return int((self.eigenvalues < self.edges[0]).sum())

    @property
    def outside(self) -> float:
        """Share of the nonzero eigenvalues outside the edges, as published."""
        return (self.above + self.below) / len(self.eigenvalues)

    @property
    def inside(self) -> float:
        """Share of the nonzero eigenvalues between the edges."""
        return 1 - self.outside

    @property
    def spikes(self) -> int:
        """Number of eigenvalues above `threshold`: more than chance makes of white rows."""
        return int((self.eigenvalues > self.threshold).sum())

    @property
    def largest(self) -> float:
        """Largest eigenvalue."""
        return self.eigenvalues[0].item()

    def density(self, values: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """Return the white density of the nonzero eigenvalues, which integrates to 1."""
        return marchenko_pastur_density(values, self.gamma)

    def as_row(self) -> dict[str, float | int | bool]:
        """Return the numbers of a table's row."""
        low, high = self.edges
        return {
            "whitened": self.whitened,
            "rows": self.rows,
            "dimensions": self.dimensions,
            "gamma": self.gamma,
            "lower_edge": low,
            "upper_edge": high,
            "inside": self.inside,
            "outside": self.outside,
            "above": self.above,
            "below": self.below,
            "spikes": self.spikes,
            "largest": self.largest,
            "variance": self.variance,
            "atom": self.atom,
        }


def marchenko_pastur(
    rows: Float[Tensor, "n D"],
    covariance_factor: Float[Tensor, "r _D"] | None = None,
    *,
    variance: Literal["mean", "bulk"] | float = "mean",
    level: float = 0.01,
) -> Bulk:
    r"""Compare the spectrum of rows with that of white rows, as they are or after whitening.

    Rows are not centred. Whitening by :math:`C = F^\top F` gives :math:`G = W C^{-1/2}`; what :math:`W` has outside
    the range of :math:`C` is left out, and `D` is the rank of `F`. Where the rows themselves make up `C`, alone or
    with those of other networks, their whitened spectrum is narrower than Marchenko–Pastur: with `N` rows in all it
    is :math:`N/n` at most. With one network's own covariance every eigenvalue is 1, and a warning says so.

    Args:
        rows: Rows of weights, one per neuron.
        covariance_factor: Factor of the covariance to whiten by, such as that of many aligned networks.
        variance: The bulk's variance: `"mean"`, the mean of all `D` eigenvalues, zeros included, as published
            (large spikes take from the bulk); `"bulk"`, estimated from the median, which few spikes do not move; or a
            number, such as an initialisation's.
        level: Probability of a false alarm that `Bulk.threshold` stands for.

    Returns:
        The spectrum with its edges, density and outliers.

    Raises:
        RainbowError: If rows are zero or not finite, shapes do not fit, or `variance` or `level` has no meaning.

    Source: Guth et al., JMLR 2024, figure 4, where 12 to 27 % of raw and 2 to 8 % of whitened eigenvalues are outside.

    Example:
        >>> rows = torch.randn(400, 100, generator=torch.Generator().manual_seed(0)).double()
        >>> rows[:, 0] *= 5
        >>> bulk = marchenko_pastur(rows, variance="bulk")
        >>> bulk.edges, bulk.spikes, round(bulk.inside, 2)
        ((0.25, 2.25), 1, 0.98)
    """
    if not 0 < level < 1:
        raise RainbowError(f"level: expected a probability between 0 and 1, got {level}")
    matrix = check_rows(rows)
    if covariance_factor is not None:
        matrix = whitened_rows(matrix, covariance_factor)
    count, dimensions = matrix.shape
    spectrum = torch.linalg.svdvals(matrix).square() / count
    kept = spectrum[spectrum > 1e-12 * spectrum[0]]
    if covariance_factor is not None and len(kept) > 1 and kept[-1] > (1 - 1e-6) * kept[0]:
        warnings.warn(
            f"rows: whitened, all {len(kept)} eigenvalues are equal: the covariance is that of these rows and too few "
            "others, and says nothing about them; give that of more networks",
            RainbowWarning,
            stacklevel=2,
        )
    unit = _unit(kept, count, dimensions, variance)
    return Bulk(kept / unit, count, dimensions, unit, covariance_factor is not None, level)


def whitened_rows(rows: Float[Tensor, "n D"], factor: Float[Tensor, "r _D"]) -> Float[Tensor, "n k"]:
    r"""Return rows in the principal axes of a covariance, each divided by its deviation: :math:`W E / \sqrt\lambda`.

    Args:
        rows: Rows of weights.
        factor: Factor `F` of :math:`C = F^\top F`.

    Returns:
        Rows with one column per nonzero eigenvalue, by decreasing eigenvalue.

    Raises:
        RainbowError: If the factor is zero or has another number of columns.

    Example:
        >>> whitened_rows(torch.tensor([[3.0, 4.0]]), torch.diag(torch.tensor([3.0, 1.0]))).abs().round(decimals=6)
        tensor([[1., 4.]], dtype=torch.float64)
    """
    if factor.shape[1] != rows.shape[1]:
        raise RainbowError(f"factor: {factor.shape[1]} columns, the rows have {rows.shape[1]}; both need the same")
    _, deviations, axes = torch.linalg.svd(factor.detach().double(), full_matrices=False)
    keep = deviations > 1e-6 * deviations[:1]
    if not keep.any():
        raise RainbowError("factor: a covariance of zeros cannot whiten; give one of nonzero rows")
    return rows.double() @ axes[keep].T / deviations[keep]


def check_rows(rows: Float[Tensor, "n D"], name: str = "rows") -> Float[Tensor, "n D"]:
    """Return rows in double precision, without a gradient.

    Args:
        rows: Rows of weights.
        name: What to call them.

    Raises:
        RainbowError: If there are none, all are zero, or one is not finite.
    """
    if not isinstance(rows, Tensor) or rows.dim() != 2 or not (rows.is_floating_point() or rows.is_complex()):
        seen = f"{rows.dtype} of shape {tuple(rows.shape)}" if isinstance(rows, Tensor) else type(rows).__name__
        raise RainbowError(f"{name}: {seen}; a floating tensor, neurons × inputs, is needed")
    values = rows.detach().double()
    if not torch.isfinite(values).all():
        raise RainbowError(f"{name}: {int((~torch.isfinite(values)).sum())} of {values.numel()} numbers are not finite")
    if not values.any():
        raise RainbowError(
            f"{name}: shape {tuple(values.shape)} without a number other than zero; give trained weights"
        )
    return values


def _unit(kept: Tensor, n: int, d: int, variance: str | float) -> float:
    if variance == "mean":
        return kept.sum().item() / d
    if variance == "bulk":
        return bulk_variance(kept, n, d)
    if isinstance(variance, str) or not variance > 0:
        raise RainbowError(f"variance: expected 'mean', 'bulk' or a positive number, got {variance!r}")
    return float(variance)
