"""Principal components in the space of a kernel."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import RainbowError


@dataclass(frozen=True)
class KernelPCA:
    """Principal axes of features.

    With all rows as landmarks of the features this is kernel PCA (Schölkopf, Smola & Müller, Neural Computation 1998);
    with fewer, its Nyström approximation.

    Attributes:
        mean: Mean of the features, zero when uncentred.
        axes: Orthonormal axes, one per row, of decreasing variance.
        variances: Variance of the features along each.

    Example:
        >>> pca = kernel_pca(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
        >>> pca.variances.round(decimals=9), pca(torch.tensor([[4.0, 5.0]])).abs().round(decimals=9)
        (tensor([1.], dtype=torch.float64), tensor([[2.]], dtype=torch.float64))
    """

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "k d"]
    variances: Float[Tensor, " k"]

    def __call__(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Return the coordinates of rows of features along the axes."""
        return (features.double() - self.mean) @ self.axes.T


def kernel_pca(features: Float[Tensor, "n d"], count: int | None = None, *, centred: bool = True) -> KernelPCA:
    """Return the principal axes of features, such as those of a layer of infinite width.

    Args:
        features: Features, as :class:`rainbownet.limit.nystrom.NystromFeatures` gives them.
        count: Number of axes, by default all whose variance is above rounding.
        centred: Whether to subtract the mean; the spectra of the paper are uncentred.

    Returns:
        The axes and variances (normalised by the number of rows), in float64.

    Raises:
        RainbowError: If more axes are asked for than there are.

    Example:
        >>> kernel_pca(torch.eye(3), centred=False).variances
        tensor([0.3333, 0.3333, 0.3333], dtype=torch.float64)
    """
    x = features.double()
    mean = x.mean(0) if centred else x.new_zeros(x.shape[1])
    _, s, vh = torch.linalg.svd(x - mean, full_matrices=False)
    available = int((s > 1e-12 * s[:1]).sum())
    if count is None:
        count = available
    if count > available:
        raise RainbowError(f"count: asked for {count} axes; the {len(x)} rows of features span {available}")
    return KernelPCA(mean, vh[:count], s[:count] ** 2 / len(x))
