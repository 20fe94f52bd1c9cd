"""Presets: which law, alignment and draw make a rainbow; the published method and our best."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rainbownet.aligned import ALIGNMENTS, Alignment, LeastSquares, Procrustes
from rainbownet.aligned import from_dict as alignment_from_dict
from rainbownet.aligned.basis import Flatten
from rainbownet.checks import shown
from rainbownet.errors import AlignmentError, LawError, RainbowError
from rainbownet.laws import LAWS, Gaussian, Law
from rainbownet.laws import from_dict as law_from_dict
from rainbownet.options import as_option

# Other words are refused with an error of ours, which a checker of types should not come before.
Draw = Literal["auto", "gaussian", "orthogonal", "antithetic", "centred", "identity"] | str
Tie = Literal["joint", "independent"] | str
Norms = Literal["folded", "explicit"] | str


def _law(value: Any) -> Law:
    return as_option(value, LAWS, Law, LawError, "law")


def _alignment(value: Any) -> Alignment:
    return as_option(value, ALIGNMENTS, Alignment, AlignmentError, "alignment")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RainbowError(f"{name}: expected one of {', '.join(map(repr, choices))}; got {value!r}")


@dataclass(frozen=True)
class Preset:
    """How a rainbow is fitted and sampled.

    Attributes:
        law: The law of the neurons of each population.
        alignment: How a sampled network's channels are mapped onto the reference's.
        draw: How samples of a law are drawn; `"auto"`: orthogonally, the law without a mean, where neurons are only
            summed over (theory, 10), centred where layer norms over them see them besides, as a transformer's stream;
            else in antithetic pairs where they have an offset (a bias or a folded norm), orthogonally where they have
            none.
        tie: `"joint"`: one sample a neuron, shared by all layers that write it (theory, 5); `"independent"`: each layer
            draws its own.
        flatten: Whether maps act on channels or on all features at a flatten.
        norms: `"folded"`: a batch norm right after a layer is part of that layer's law, as scale of its weights and as
            offset; `"explicit"`: its scale and offset are drawn as they are and its statistics measured again.

    A law and an alignment may be given by name, as the command line writes them: `"gaussian:rank=32"`, `"procrustes"`.

    Raises:
        RainbowError: If a word is none of those above.
    """

    law: Law = field(default_factory=Gaussian)
    alignment: Alignment = field(default_factory=LeastSquares)
    draw: Draw = "auto"
    tie: Tie = "joint"
    flatten: Flatten = "channels"
    norms: Norms = "folded"

    def __post_init__(self) -> None:
        object.__setattr__(self, "law", _law(self.law))
        object.__setattr__(self, "alignment", _alignment(self.alignment))
        _one_of("draw", self.draw, ("auto", "gaussian", "orthogonal", "antithetic", "centred", "identity"))
        _one_of("tie", self.tie, ("joint", "independent"))
        _one_of("flatten", self.flatten, ("channels", "features"))
        _one_of("norms", self.norms, ("folded", "explicit"))

    def but(
        self,
        *,
        law: Law | str | None = None,
        alignment: Alignment | str | None = None,
        draw: Draw | None = None,
        tie: Tie | None = None,
        flatten: Flatten | None = None,
        norms: Norms | None = None,
    ) -> "Preset":
        """Return the preset with some options changed; those that are None stay.

        Args:
            law: The law, an object or such as `"gaussian:rank=32"`.
            alignment: The alignment, an object or such as `"least-squares:ridge=0.01"`.
            draw: How laws are drawn.
            tie: Whether layers that write the same neurons draw them together.
            flatten: What maps act on at a flatten.
            norms: Whether batch norms are folded.

        Raises:
            RainbowError: If an option has no meaning.

        Example:
            >>> PAPER.but(draw="orthogonal", tie=None).draw
            'orthogonal'
            >>> PAPER.but(law="gaussian:rank=4").law.rank
            4
        """
        changes: dict[str, Any] = {"draw": draw, "tie": tie, "flatten": flatten, "norms": norms}
        if law is not None:
            changes["law"] = _law(law)
        if alignment is not None:
            changes["alignment"] = _alignment(alignment)
        return replace(self, **{key: value for key, value in changes.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {
            "law": self.law.to_dict(),
            "alignment": self.alignment.to_dict(),
            "draw": self.draw,
            "tie": self.tie,
            "flatten": self.flatten,
            "norms": self.norms,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Preset":
        """Return the preset `to_dict` described."""
        options = dict(data)
        return Preset(
            law=law_from_dict(options.pop("law")), alignment=alignment_from_dict(options.pop("alignment")), **options
        )


PAPER = Preset(law=Gaussian(mean=False), alignment=Procrustes(), draw="gaussian", tie="independent")
"""The published method (R, section 2): centred Gaussian laws, each layer on its own, aligned by rotations."""

BEST = Preset()
"""What we measured to be best: Gaussian laws with mean, joint along residual streams, least squares, balanced draws."""

PRESETS = {"paper": PAPER, "best": BEST}


def preset_of(value: Any) -> Preset:
    """Return a preset given as such, or by name.

    Raises:
        RainbowError: If it is neither.
    """
    if isinstance(value, Preset):
        return value
    if isinstance(value, str):
        return preset(value)
    raise RainbowError(f"preset is {shown(value)}; a Preset, or one of {', '.join(sorted(PRESETS))}, is needed")


def preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        RainbowError: If there is none of this name.
    """
    if name not in PRESETS:
        raise RainbowError(f"preset: unknown preset {name!r}; there are {sorted(PRESETS)}")
    return PRESETS[name]
