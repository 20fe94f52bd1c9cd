"""Analyses that look at networks: spectra, clipping, convergence with width, similarity of groups."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from rainbownet.cli import parse
from rainbownet.cli.analyze import OnImages, Shown
from rainbownet.cli.images import Tested
from rainbownet.cli.networks import build_all
from rainbownet.cli.verb import Count, Holdout, Seed
from rainbownet.errors import ArchitectureError, DataError, RainbowError

if TYPE_CHECKING:
    from torch import nn

    from rainbownet.analysis import Aligned

_FITS = "power: exponent of the rank; exponential: decay per rank; evidence above 10: the power law is clear"


@dataclass(frozen=True, kw_only=True)
class Spectra(OnImages):
    """Spectra of what layers read and of their weights, with the laws of their decay.

    Rows of several networks are put together after alignment.

    Attributes:
        initial: Weights before training, once for each of --weights.
        ranks: Ranks that laws of decay are fitted to, 2:50.
    """

    verb: ClassVar[str] = "analyze spectra"
    shown: ClassVar = (
        Shown(lambda found: found["fits"]["activations"], "Second moments of what layers read", caption=_FITS, keys=2),
        Shown(lambda found: found["fits"]["weights"], "Covariances of weights", caption=_FITS, keys=2),
    )
    picture: ClassVar = ("draw_spectra", lambda found: (found["activations"], found["weights"]))

    initial: tuple[Path, ...] = ()
    ranks: str | None = None

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return eigenvalues and fits of their decay."""
        from rainbownet.analysis import activation_spectra, decay_fits, weight_spectra

        span = parse.span("--ranks", self.ranks)
        if self.initial and len(self.initial) != len(nets):
            raise ArchitectureError(
                f"--initial is given {len(self.initial)} times for {len(nets)} networks; it is needed once for each"
            )
        before = before_training(self.network, self.kwargs, self.initial)
        activations, weights = activation_spectra(aligned), weight_spectra(aligned, initial=before)
        fits = {"activations": decay_fits(activations, span), "weights": decay_fits(weights, span)}
        return {"activations": activations, "weights": weights, "fits": fits}


@dataclass(frozen=True, kw_only=True)
class Clipping(OnImages):
    """How many directions of what layers read are enough: accuracy against rank in three bases.

    With --weights given several times the bases are those of all these networks; the first one is clipped.

    Attributes:
        steps: Steps from rank 0 to the dimension.
        points: Points of accuracy that may be lost.
        together: Clip all layers at once.
        axis: Directions of channels or of whole rows.
        basis: Directions to cut; all three by default. May be repeated.
    """

    verb: ClassVar[str] = "analyze clipping"
    shown: ClassVar = (
        Shown(
            lambda found: found["ranks"],
            "Smallest ranks that lose {points:g} points of accuracy at most",
            percent=("accuracy", "full", "explained"),
            caption="explained: share of the weights' energy that is left there; full: accuracy without clipping",
            keys=2,
        ),
    )
    picture: ClassVar = ("draw_clipping", lambda found: (found["curve"],))

    steps: Count = 50
    points: Annotated[float, Parameter(validator=Number(gte=0, lte=100))] = 1.0
    together: bool = False
    axis: Literal["channels", "rows"] = "channels"
    basis: tuple[Literal["weights", "activations", "random"], ...] = ()
    seed: Seed = 0
    source: Tested = field(default_factory=Tested)

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return accuracies by rank, and the smallest ranks."""
        from rainbownet.analysis import BASES, clipping_curve, informative_rank
        from rainbownet.data import loader
        from rainbownet.progress import progress

        test = self.source.settled(self.trained_with()).test()
        if test is None:
            raise DataError("--test-split none: clipping classifies images; name the part to classify")
        with progress("clipping", "networks") as report:
            curve = clipping_curve(
                nets[0],
                [],
                loader(test, batch_size=512),
                bases=self.basis or BASES,
                ranks=self.steps,
                together=self.together,
                axis=self.axis,
                aligned=aligned,
                seed=self.seed,
                progress=report,
            )
        return {"curve": curve, "ranks": informative_rank(curve, points=self.points)}


@dataclass(frozen=True, kw_only=True)
class Convergence(OnImages):
    """Do activations and covariances of weights converge as networks widen? All against the widest.

    Errors are relative: mean squares of aligned activations, operator norms of covariances; slopes are in logarithms.
    Give --weights and --kwargs once for each network, and --widths in the same order.

    Attributes:
        widths: Width of each network, 0.5,1,2.
        holdout: Share of the images kept to measure the alignment.
    """

    verb: ClassVar[str] = "analyze convergence"
    least: ClassVar[int] = 2
    shown: ClassVar = (
        Shown(lambda found: found["_activations"], "Activations: error by width"),
        Shown(lambda found: found["_covariances"], "Covariances: error by width"),
    )
    picture: ClassVar = ("draw_convergence", lambda found: (found["activations"], found["covariances"]))

    widths: str | None = None
    holdout: Holdout = 0.1

    def aligning(self, nets: "Sequence[nn.Module]") -> dict[str, Any]:
        """Align all networks to the widest."""
        widths = self._widths(len(nets))
        return {"holdout": self.holdout, "reference": widths.index(max(widths))}

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return errors by width and their slopes."""
        from rainbownet.analysis import activation_convergence, covariance_convergence, width_slopes

        widths = self._widths(len(nets))
        tables = {
            "activations": activation_convergence(aligned, widths),
            "covariances": covariance_convergence(aligned, widths),
        }
        slopes, across = {}, {}
        for name, table in tables.items():
            wide = table.pivot_table(index="layer", columns="width", values="error", sort=False)
            if table["width"].nunique() > 1:
                slopes[name] = width_slopes(table)
                wide["slope"] = slopes[name].set_index("layer")["slope"]
            across[f"_{name}"] = wide.reset_index()
        return {**tables, "slopes": slopes, **across}

    def _widths(self, networks: int) -> list[float]:

        widths = parse.positive_numbers("--widths", self.widths) if self.widths else []
        if len(widths) != networks or len(set(widths)) < 2:
            raise RainbowError(
                f"--widths is {self.widths!r}; a width for each of {networks} networks is needed, two different"
            )
        return widths


@dataclass(frozen=True, kw_only=True)
class Similarity(OnImages):
    """Did groups of networks learn the same? The learned parts of their covariances, between chance and ceiling.

    Attributes:
        groups: Group of each network, a,a,b; each its own by default.
        initial: Weights before training, whose variance is the bulk's.
        draws: Random rotations and ceilings to average over.
    """

    verb: ClassVar[str] = "analyze similarity"
    least: ClassVar[int] = 2
    shown: ClassVar = (
        Shown(
            lambda found: found["similarity"].drop(columns=["rows_a", "rows_b"]),
            "What groups of networks learned, compared",
            caption="similarity: 1 for draws of one law, 0 as after a random rotation, – where nothing was learned",
            keys=3,
        ),
    )
    picture: ClassVar = ("draw_similarity", lambda found: (found["similarity"],))

    groups: str | None = None
    initial: tuple[Path, ...] = ()
    draws: Count = 5
    seed: Seed = 0

    def analyse(self, nets: "Sequence[nn.Module]", aligned: "Aligned") -> dict[str, Any]:
        """Return similarities of groups and cosines of eigenvectors."""
        from rainbownet.analysis import eigenvector_cosines, group_similarity, initial_variances

        names = self.groups.split(",") if self.groups else [str(k) for k in range(len(nets))]
        before = before_training(self.network, self.kwargs, self.initial)
        variance = initial_variances(aligned, before) if before else None
        table = group_similarity(aligned, names, variance=variance, draws=self.draws, seed=self.seed)
        cosines = eigenvector_cosines(aligned, names)
        return {"similarity": table, "eigenvectors": cosines, "alignment": aligned.table()}


def before_training(network: str, kwargs: Sequence[str], files: Sequence[Path], *, least: int = 1) -> "list[nn.Module]":
    """Build networks from files of weights before training; none without files."""
    return build_all([network], kwargs, files, option="--initial") if files else []
