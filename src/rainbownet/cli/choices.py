"""Laws, alignments and presets: an option is a line such as gaussian:rank=32, read as the library reads it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from rainbownet.cli import parse
from rainbownet.cli.verb import Count
from rainbownet.errors import AlignmentError, LawError, RainbowError
from rainbownet.options import parse_option

if TYPE_CHECKING:
    from rainbownet.aligned import Alignment
    from rainbownet.laws import Law
    from rainbownet.rainbow.presets import Preset

PresetName = Literal["best", "paper"]
Draw = Literal["auto", "gaussian", "orthogonal", "antithetic", "centred", "identity"]
Tie = Literal["joint", "independent"]
Norms = Literal["folded", "explicit"]
Flatten = Literal["channels", "features"]
Classifier = Literal["aligned", "ridge", "logistic"]

_SHORT = {"none": "identity", "ls": "least-squares"}


@Parameter(name="*", group=Group("Law", sort_key=2))
@dataclass(frozen=True, kw_only=True)
class LawChoice:
    """Which law of neurons is fitted.

    Attributes:
        preset: paper or best.
        law: gaussian, smoothed, mixture, kronecker or white; with fields, gaussian:rank=32,mean=false or
            smoothed:h=0.25,base.rank=16.
        rank: Directions kept, or the share of the energy they hold.
        law_mean: A law with a mean.
        shrinkage: none or spiked.
        bulk: Draw the noise as well.
        bandwidth: Of the smoothed law: 0 copies, 1 Gaussian.
        components: Of the mixture.
        norms: Batch norms as part of the laws, or drawn as they are.
        flatten: Alignment on channels or features at a flatten.
    """

    preset: PresetName = "best"
    law: str | None = None
    rank: str | None = None
    law_mean: bool | None = None
    shrinkage: str | None = None
    bulk: bool | None = None
    bandwidth: float | None = None
    components: Annotated[Count | None, Parameter(alias="-k")] = None
    norms: Norms | None = None
    flatten: Flatten | None = None

    def chosen(self) -> "Preset":
        """Return the preset with the law and the options that were given.

        Raises:
            LawError: If the law is unknown or does not have such an option.
        """
        from rainbownet.rainbow.presets import preset

        named = preset(self.preset)
        return named.but(law=self._law(named.law), norms=self.norms, flatten=self.flatten)

    def _law(self, preset_law: "Law") -> "Law":
        from rainbownet.laws import LAWS, Gaussian, from_dict

        own = {
            "rank": None if self.rank is None else parse.rank("--rank", self.rank),
            "mean": self.law_mean,
            "shrinkage": self.shrinkage,
            "bulk": self.bulk,
            "h": self.bandwidth,
            "k": self.components,
        }
        given = {key: value for key, value in own.items() if value is not None}
        same = self.law is None or self.law == preset_law.name
        law: Any = preset_law if same else parse_option(str(self.law), LAWS, LawError, "law")
        if not given:
            return law
        fields = law.to_dict()
        if isinstance(fields.get("base"), dict):
            fields["base"] |= {key: given.pop(key) for key in list(given) if key in Gaussian.__dataclass_fields__}
        return from_dict(fields | given)


@Parameter(name="*", group=Group("Draw", sort_key=2))
@dataclass(frozen=True, kw_only=True)
class DrawChoice:
    """How a network is drawn and aligned.

    Attributes:
        preset: How to draw and align; the law stays as fitted.
        draw: How samples of a law are drawn.
        alignment: procrustes, least-squares, permutation or identity; with fields, least-squares:ridge=0.01.
        ridge: Ridge of least squares, instead of the one chosen for each layer.
        tie: One sample a neuron along residual streams, or one for each layer.
        flatten: Maps of channels or features at a flatten.
    """

    preset: PresetName | None = None
    draw: Draw | None = None
    alignment: str | None = None
    ridge: float | None = None
    tie: Tie | None = None
    flatten: Flatten | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of drawing: those that were given, else those of the preset, else nothing.

        Raises:
            AlignmentError: If the alignment is unknown or has no ridge.
        """
        from rainbownet.rainbow.presets import preset

        own = {
            "alignment": alignment(self.alignment, self.ridge),
            "draw": self.draw,
            "tie": self.tie,
            "flatten": self.flatten,
        }
        if self.preset is None:
            return own
        named = preset(self.preset)
        return {key: getattr(named, key) if value is None else value for key, value in own.items()}


def alignment(text: str | None, ridge: float | None) -> "Alignment | None":
    """Return an alignment, or nothing without one.

    Raises:
        AlignmentError: If it is unknown or has no ridge.
        RainbowError: If there is a ridge without an alignment.
    """
    if text is None:
        if ridge is not None:
            raise RainbowError("--ridge needs --alignment least-squares")
        return None
    from rainbownet.aligned import ALIGNMENTS, from_dict

    found = parse_option(_SHORT.get(text, text), ALIGNMENTS, AlignmentError, "alignment")
    if ridge is None:
        return found
    fields = found.to_dict()
    # A goal that was to be chosen with the ridge has nothing to choose.
    kept = {key: value for key, value in fields.items() if (key, value) != ("toward", "auto")}
    return from_dict(kept | {"ridge": ridge})
