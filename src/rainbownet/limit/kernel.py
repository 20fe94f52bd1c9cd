"""The kernel of one infinitely wide layer, between rows of tensors."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.errors import RainbowError
from rainbownet.limit.dual import Dual, dual_activation

# Blocks of this many kernel values keep the dozen float64 temporaries of a closed form near 12 MB.
_BLOCK = 1 << 17
# With means there are factors for each row and landmark, which are worth more pairs: four temporaries of 8 MB.
_BLOCK_WITH_MEANS = 1 << 20
# The Hermite series keeps about a kilobyte for each row of a block.
_ROWS = 1 << 16


@runtime_checkable
class Kernel(Protocol):
    """What the room needs of a kernel: its values between rows and landmarks, and of each row with itself."""

    def __call__(self, z: Inexact[Tensor, "b r"], landmarks: Inexact[Tensor, "m r"]) -> Float[Tensor, "b m"]:
        """Return the kernel of every row with every landmark, in float64."""
        ...

    def diagonal(self, z: Inexact[Tensor, "b r"]) -> Float[Tensor, " b"]:
        """Return the kernel of every row with itself, in float64."""
        ...


class DualKernel:
    r"""The kernel of a layer (R3), :math:`\mathbb{E}\,\sigma(\langle g, z\rangle)\,\sigma(\langle g, z'\rangle)`.

    It is computed in float64, in blocks of rows, without gradients.

    Args:
        dual: Dual activation.
        mean: Whether the last column of the rows is the mean of the pre-activation, rather than a channel: for rows of
            weights drawn from N(m, FᵀF), append `h @ m` to `h @ F.T`.

    Example:
        >>> kernel = DualKernel(dual_activation(torch.relu))
        >>> z = torch.eye(2)
        >>> kernel(z, z)
        tensor([[0.5000, 0.1592],
                [0.1592, 0.5000]], dtype=torch.float64)
    """

    def __init__(self, dual: Dual, *, mean: bool = False) -> None:
        self.dual, self.mean = dual, mean

    @torch.no_grad()
    def __call__(self, z: Inexact[Tensor, "b r"], landmarks: Inexact[Tensor, "m r"]) -> Float[Tensor, "b m"]:
        """Return the kernel of every row with every landmark.

        Args:
            z: Rows.
            landmarks: Landmarks.

        Returns:
            Kernel values in float64, 8 bytes each, and temporaries of 12 MB, of 32 MB with means.

        Raises:
            RainbowError: If rows are complex.
        """
        landmarks, shift = self._split(landmarks)
        q = _square_norm(landmarks)[None]
        most = _BLOCK_WITH_MEANS if self.mean else _BLOCK
        rows = max(1, min(most // max(1, len(landmarks)), _ROWS))
        blocks = z.split(rows)
        if len(blocks) == 1:
            return self._block(z, landmarks, q, shift)
        result = torch.empty(len(z), len(landmarks), dtype=torch.float64, device=z.device)
        for block, into in zip(blocks, result.split(rows), strict=True):
            into.copy_(self._block(block, landmarks, q, shift))
        return result

    def _block(self, z: Tensor, landmarks: Tensor, q: Tensor, shift: Tensor | None) -> Tensor:
        """Return the kernel of some rows with landmarks of these norms and means."""
        z, own = self._split(z)
        p, c = _square_norm(z)[:, None], z @ landmarks.mT
        if own is None or shift is None:
            return self.dual.centred(p, c, q)
        return self.dual.shifted(p, c, q, own[:, None], shift[None])

    @torch.no_grad()
    def diagonal(self, z: Inexact[Tensor, "b r"]) -> Float[Tensor, " b"]:
        """Return the kernel of every row with itself, the energy of its features.

        Args:
            z: Rows.

        Returns:
            Kernel values in float64.
        """
        z, shift = self._split(z)
        p = _square_norm(z)
        return self.dual.centred(p, p, p) if shift is None else self.dual.shifted(p, p, p, shift, shift)

    def _split(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        if z.is_complex():
            raise RainbowError(f"z: rows are complex ({z.dtype}); kernels are computed for real networks")
        z = z.double()
        return (z[:, :-1], z[:, -1]) if self.mean else (z, None)


def dual_kernel(
    activation: nn.Module | Callable[[Tensor], Tensor],
    *,
    mean: bool = False,
    order: int = 128,
    kinks: tuple[float, ...] = (),
) -> Kernel:
    """Return the kernel of an infinitely wide layer with this activation.

    Args:
        activation: Module or pointwise function.
        mean: Whether the last column of the rows is the mean of the pre-activation, see :class:`DualKernel`.
        order: Hermite coefficients of an activation without closed form.
        kinks: Points where such an activation is not smooth.

    Returns:
        The kernel.

    Raises:
        RainbowError: If the activation is a type, or is not pointwise.

    Example:
        >>> z = torch.tensor([[1.0, 1.0]])
        >>> dual_kernel(torch.abs)(z, z).round(decimals=9)
        tensor([[2.]], dtype=torch.float64)
    """
    return DualKernel(dual_activation(activation, order=order, kinks=kinks), mean=mean)


def append_constant(z: Inexact[Tensor, "b r"], value: float = 1.0) -> Inexact[Tensor, "b s"]:
    """Append a constant channel, which makes the last weight of a row its bias.

    Args:
        z: Rows.
        value: The constant; `std` for biases of this standard deviation under white weights.

    Returns:
        Rows with one more channel.

    Example:
        >>> append_constant(torch.zeros(2, 1))
        tensor([[0., 1.],
                [0., 1.]])
    """
    return torch.cat([z, torch.full_like(z[:, :1], value)], dim=1)


def _square_norm(z: Tensor) -> Tensor:
    return (z * z).sum(-1)
