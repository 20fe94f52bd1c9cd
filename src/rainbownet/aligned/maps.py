"""Alignment maps: four ways to write the reference's channels in terms of a sampled network's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.aligned.assignment import assign
from rainbownet.aligned.chosen import Choice, choose, scaled_rotation
from rainbownet.aligned.polar import polar_factor
from rainbownet.errors import AlignmentError
from rainbownet.moments import CrossMoment
from rainbownet.options import Option

PINV_CUT = 1e-10  # of the largest eigenvalue: above the noise that float32 products leave in a self moment


class Alignment(Option):
    """Base of the alignments: callables from a cross moment to the map `A` with `left ≈ A right`.

    Attributes:
        needs_right_self: Whether the moment must keep the self moment of the sampled network.
    """

    needs_right_self: ClassVar[bool] = False

    def __call__(self, moment: CrossMoment) -> Inexact[Tensor, "d e"]:
        """Return the map from sampled channels to reference channels."""
        raise NotImplementedError

    def choose(self, moment: CrossMoment, held: CrossMoment | None = None) -> Choice:
        """Return the map and what it was made with.

        Args:
            moment: Cross moment of the images that are fitted to.
            held: That of held-out images, by which an alignment that chooses does so.
        """
        return Choice(self(moment))


@dataclass(frozen=True)
class Procrustes(Alignment):
    r"""The rotation of the paper: the polar factor of the cross moment (R6), scaled so that energies match.

    :math:`A = U V^H \sqrt{E\|z\|^2 / E\|z'\|^2}`; the scale is 1 where widths and laws are the same in the limit, and
    makes up for the energy of a wider network.

    Args:
        scale: Whether to match energies; False gives the partial isometry itself.

    Example:
        >>> z = torch.eye(2)
        >>> Procrustes()(CrossMoment(2, 2).update(z, 2 * z.flip(1))).round(decimals=6).abs()
        tensor([[0.0000, 0.5000],
                [0.5000, 0.0000]], dtype=torch.float64)
    """

    scale: bool = True
    name: ClassVar[str] = "procrustes"

    def __call__(self, moment: CrossMoment) -> Inexact[Tensor, "d e"]:
        """Return the scaled rotation.

        Args:
            moment: Cross moment; no self moment is needed.

        Returns:
            Map `(d, e)`.

        Raises:
            AlignmentError: If the cross moment is zero or not finite.
        """
        rotation = polar_factor(moment.cross)
        if not self.scale:
            return rotation
        return rotation * math.sqrt(moment.left_energy / moment.right_energy)


@dataclass(frozen=True)
class LeastSquares(Alignment):
    r"""The linear map of least mean-square error, with a ridge.

    :math:`A = (M + \lambda t A_0)(\Sigma' + \lambda t\,\mathrm{Id})^{-1}` with :math:`t = \mathrm{tr}\,\Sigma' / e`,
    which minimises :math:`E\|A z' - z\|^2 + \lambda t \|A - A_0\|^2`.

    Args:
        ridge: The ridge λ, relative to the mean energy of a sampled channel. At 0 the pseudo-inverse is taken, without
            eigenvalues below 1e-10 of the largest. "auto" chooses it for each reader, by generalised leave-one-out
            (`rainbownet.aligned.chosen`).
        toward: What the ridge shrinks to: "zero", or "rotation", the scaled Procrustes map, completed on directions
            without activations (`completed`), so that identical activations give the identity: with fewer rows
            than channels and on dead channels too, and at ridge 0, where it is the limit of small ridges. "auto" is
            the better of the two, or the scaled rotation itself, by the error on held-out images or, where none are
            held out, by generalised leave-one-out; it needs ridge "auto". By default "auto" if the ridge is, else
            "zero".

    Raises:
        AlignmentError: If `ridge` is negative or not finite, or `toward` is none of these words.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
        >>> moment = CrossMoment(2, 2).update(z, z @ torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> LeastSquares(ridge=0.0)(moment).round(decimals=6).abs()
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]], dtype=torch.float64)
    """

    ridge: float | str = "auto"
    toward: str | None = None
    name: ClassVar[str] = "least-squares"
    needs_right_self: ClassVar[bool] = True

    def __post_init__(self):
        chosen = self.ridge == "auto"
        if not chosen and (isinstance(self.ridge, bool | str) or not 0 <= self.ridge < math.inf):
            raise AlignmentError(f"ridge: expected a finite number ≥ 0 or 'auto', got {self.ridge!r}")
        if self.toward is None:
            object.__setattr__(self, "toward", "auto" if chosen else "zero")
        if self.toward not in ("zero", "rotation", "auto"):
            raise AlignmentError(f"toward: expected 'zero', 'rotation' or 'auto', got {self.toward!r}")
        if self.toward == "auto" and not chosen:
            raise AlignmentError(f"toward: 'auto' is chosen with the ridge, which is {self.ridge!r}; use ridge='auto'")

    def _fields_as_text(self, prefix: str) -> Iterator[str]:
        implied = f"{prefix}toward={'auto' if self.ridge == 'auto' else 'zero'}"
        return (text for text in super()._fields_as_text(prefix) if text != implied)

    def __call__(self, moment: CrossMoment) -> Inexact[Tensor, "d e"]:
        """Return the map of least squares.

        Args:
            moment: Cross moment that keeps the self moment of the sampled network.

        Returns:
            Map `(d, e)`.

        Raises:
            AlignmentError: If the self moment was not kept.
        """
        return self.choose(moment).map

    def choose(self, moment: CrossMoment, held: CrossMoment | None = None) -> Choice:
        """Return the map of least squares with its ridge and goal, chosen where they are to be."""
        assert self.toward is not None  # it was settled when this was made
        if isinstance(self.ridge, str):
            return choose(moment, held, ("zero", "rotation") if self.toward == "auto" else (self.toward,))
        return Choice(self._map(moment, self.ridge), self.ridge, self.toward)

    def _map(self, moment: CrossMoment, ridge: float) -> Inexact[Tensor, "d e"]:
        cross, right = moment.cross, moment.right
        shift = ridge * moment.right_energy / moment.right_dim
        goal = None
        if self.toward == "rotation":
            goal = scaled_rotation(moment)
            cross = cross + shift * goal
        if shift > 0:
            regular = right.clone()
            regular.diagonal().add_(shift)
            factor, failed = torch.linalg.cholesky_ex(regular)
            if not failed:
                return torch.cholesky_solve(cross.mH, factor).mH
        values, vectors = torch.linalg.eigh(right)
        # Rounding can leave a semi-definite moment slightly negative.
        shifted = values.clamp(min=0.0) + shift
        if shift > 0:
            return (cross @ vectors / shifted) @ vectors.mH
        seen = shifted > PINV_CUT * values[-1]
        map = (cross @ vectors[:, seen] / shifted[seen]) @ vectors[:, seen].mH
        return map if goal is None else map + (goal @ vectors[:, ~seen]) @ vectors[:, ~seen].mH


@dataclass(frozen=True)
class Permutation(Alignment):
    """The matching of channels with the largest total correlation, as activation matching of Git Re-Basin has it.

    Channels are matched by linear assignment on the real part of the uncentred cross moment (Ainsworth, Hayase &
    Srinivasa, ICLR 2023, section 3.1). When the sampled network is wider every sampled channel is matched, each
    reference channel to `floor(e / d)` or `ceil(e / d)` of them, whose average it becomes; when it is narrower each
    sampled channel stands for `floor(d / e)` or `ceil(d / e)` reference channels. Ties, as between dead channels, go to
    the diagonal.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> Permutation()(CrossMoment(2, 3).update(z, torch.cat([z.flip(1), z[:, :1]], 1)))
        tensor([[0.0000, 0.5000, 0.5000],
                [1.0000, 0.0000, 0.0000]], dtype=torch.float64)
    """

    name: ClassVar[str] = "permutation"

    def __call__(self, moment: CrossMoment) -> Inexact[Tensor, "d e"]:
        """Return the averaging matching.

        Args:
            moment: Cross moment; no self moment is needed.

        Returns:
            Map `(d, e)` whose rows sum to 1.
        """
        gain = moment.cross.real
        matched = _match(gain) if gain.shape[0] <= gain.shape[1] else _match(gain.T).T
        return (matched / matched.sum(1, keepdim=True)).to(moment.cross.dtype)


@dataclass(frozen=True)
class Identity(Alignment):
    """No alignment: channels are taken as they come, the ablation.

    Example:
        >>> Identity()(CrossMoment(2, 2))
        tensor([[1., 0.],
                [0., 1.]], dtype=torch.float64)
    """

    name: ClassVar[str] = "identity"

    def __call__(self, moment: CrossMoment) -> Inexact[Tensor, "d e"]:
        """Return the identity.

        Args:
            moment: Cross moment, for its dimensions.

        Returns:
            Identity `(d, d)`.

        Raises:
            AlignmentError: If the widths differ.
        """
        if moment.left_dim != moment.right_dim:
            raise AlignmentError(
                f"without alignment both networks need one width, got {moment.left_dim} reference channels and "
                f"{moment.right_dim} sampled channels"
            )
        return torch.eye(moment.left_dim, dtype=moment.dtype, device=moment.device)


def _match(gain: Tensor) -> Tensor:
    """Return the 0/1 matrix that matches every column, and every row at least `floor(e / d)` times."""
    d, e = gain.shape
    copies = math.ceil(e / d)
    slots = gain.repeat(copies, 1)
    # Copies left over are matched to columns that do not exist, which only the last copy of a row may be.
    spare = torch.zeros(copies * d, copies * d - e, dtype=gain.dtype, device=gain.device)
    spare[: (copies - 1) * d] = -math.inf
    columns = torch.tensor(assign(torch.cat([slots, spare], 1)), device=gain.device)
    there = (columns < e).nonzero()[:, 0]
    matched = torch.zeros_like(gain)
    matched[there % d, columns[there]] = 1.0
    return matched
