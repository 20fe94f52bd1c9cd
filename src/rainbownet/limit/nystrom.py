"""Nyström features: finitely many coordinates of an infinitely wide layer."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import RainbowError
from rainbownet.limit.gram import gram_matrix
from rainbownet.limit.kernel import Kernel

_STRIP = 128
"""Features computed by one product, from the landmarks that one of them needs."""


@dataclass(frozen=True)
class NystromFeatures:
    r"""The feature map :math:`\varphi(z) = k(z, L)\,V \Lambda^{-1/2}` with :math:`K_{LL} = V \Lambda V^\top`.

    It is :math:`k(z, L)K_{LL}^{-1/2}` up to a rotation, which any alignment that follows absorbs, with one column per
    eigenvalue kept. The inner products of the features are the kernel projected on the span of the landmarks, hence
    exact on landmarks and nowhere larger in norm (Williams & Seeger, NIPS 2000).

    Attributes:
        kernel: Kernel.
        landmarks: Landmarks.
        root: The matrix :math:`V \Lambda^{-1/2}`.

    Example:
        >>> from torch import nn
        >>> from rainbownet.limit.kernel import dual_kernel
        >>> rows = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> features = NystromFeatures.fit(dual_kernel(nn.Identity()), rows)
        >>> features.rank
        2
        >>> z = torch.tensor([[3.0, 4.0]])
        >>> (features(z) @ features(z).T).round(decimals=9)
        tensor([[25.]], dtype=torch.float64)
    """

    kernel: Kernel
    landmarks: Inexact[Tensor, "m r"]
    root: Float[Tensor, "m k"]

    @classmethod
    @torch.no_grad()
    def fit(
        cls, kernel: Kernel, landmarks: Inexact[Tensor, "m r"], *, cut: float = 1e-10, triangular: bool = False
    ) -> "NystromFeatures":
        """Return the features of these landmarks.

        Args:
            kernel: Kernel.
            landmarks: Landmarks, see :func:`rainbownet.limit.landmarks.choose_landmarks`.
            cut: Eigenvalues of the landmarks' kernel matrix below this fraction of the largest are dropped. Rounding of
                the kernel, 1e-16, is amplified by its inverse.
            triangular: Whether to rotate them as `triangular` does: by a Cholesky factor where no eigenvalue is
                dropped.

        Returns:
            The feature map.

        Raises:
            RainbowError: If the kernel of the landmarks is zero or not finite.
        """
        matrix = gram_matrix(kernel, landmarks)
        if not bool(torch.isfinite(matrix).all()):
            raise RainbowError(
                "landmarks: their kernel matrix is not finite; check the rows for NaN or very large values"
            )
        if triangular and (root := _cholesky_root(matrix, cut)) is not None:
            return cls(kernel, landmarks, root)
        values, vectors = torch.linalg.eigh(matrix)
        if len(values) == 0 or values[-1] <= 0:
            raise RainbowError("landmarks: their kernel matrix is zero; choose rows that are not zero")
        kept = values > cut * values[-1]
        features = cls(kernel, landmarks, (vectors[:, kept] * values[kept].rsqrt()).flip(1))
        return features.triangular() if triangular else features

    def triangular(self) -> "NystromFeatures":
        """Return the same features rotated so that each needs no landmark after the one it adds.

        Their values take half the products. The rotation is one that an alignment absorbs.

        Example:
            >>> from torch import nn
            >>> from rainbownet.limit.kernel import dual_kernel
            >>> rows = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
            >>> NystromFeatures.fit(dual_kernel(nn.Identity()), rows).triangular().root.round(decimals=9)
            tensor([[ 0.5000, -0.5000],
                    [ 0.0000,  1.0000]], dtype=torch.float64)
        """
        upper = torch.linalg.qr(self.root.flip(0).T).R
        upper = upper * torch.where(upper.diagonal() < 0, -1.0, 1.0)[:, None]
        return NystromFeatures(self.kernel, self.landmarks, upper.T.flip(0, 1).contiguous())

    @property
    def rank(self) -> int:
        """Number of features, at most the number of landmarks."""
        return self.root.shape[1]

    @torch.no_grad()
    def __call__(
        self,
        z: Inexact[Tensor, "b r"],
        *,
        block: int = 1024,
        scale: float = 1.0,
        dtype: torch.dtype = torch.float64,
    ) -> Float[Tensor, "b k"]:
        """Return the features of rows; as fitted, of decreasing energy on the landmarks.

        Args:
            z: Rows.
            block: Rows whose kernel values, 8 m bytes each, are held at once.
            scale: A factor on the features.
            dtype: Of the result; they are computed in float64.

        Returns:
            Features.
        """
        # With one feature after the other, not one row: products of the two halves of a triangle are faster so.
        result = self.root.new_empty(self.rank, len(z), dtype=dtype)
        strips = []
        root = scale * self.root.T
        for first in range(0, self.rank, _STRIP):
            strip = root[first : first + _STRIP]
            needed = int(strip.any(0).nonzero().max()) + 1
            strips.append((slice(first, first + _STRIP), needed, strip[:, :needed].contiguous()))
        for start in range(0, len(z), block):
            values = self.kernel(self.landmarks, z[start : start + block])
            for features, needed, strip in strips:
                result[features, start : start + block] = strip @ values[:needed]
        return result.T

    def energy_explained(self, z: Inexact[Tensor, "b r"]) -> float:
        r"""Return the fraction of the kernel's energy that the features carry, :math:`E\|\varphi(z)\|^2 / E\,k(z,z)`.

        Args:
            z: Rows, held out from the landmarks.

        Returns:
            Fraction between 0 and 1.

        Raises:
            RainbowError: If the rows have no energy.
        """
        total = float(self.kernel.diagonal(z).sum())
        if not total > 0:
            raise RainbowError(
                f"z: the kernel of the {len(z)} rows with themselves sums to {total}; rows with energy are needed"
            )
        return float((self(z) ** 2).sum()) / total


def _cholesky_root(matrix: Float[Tensor, "m m"], cut: float) -> Float[Tensor, "m m"] | None:
    r"""Return :math:`C^{-\top}` with :math:`K = C C^\top`, or nothing where an eigenvalue may have to be dropped.

    The largest is at most the largest sum of a row's magnitudes, the least at least :math:`\|C^{-1}\|_F^{-2}`.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed:
        return None
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    inverse = torch.linalg.solve_triangular(factor, eye, upper=False)
    largest, least = matrix.abs().sum(1).max(), 1 / inverse.square().sum()
    return inverse.T.contiguous() if least > cut * largest else None
