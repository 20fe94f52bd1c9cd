"""What verbs share. A verb is a frozen dataclass: its fields are its options, and calling it does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from rainbownet.checks import number_of_bytes

T = TypeVar("T")

_OUTPUT = Group("Output", sort_key=9)
_COMPUTING = Group("Computing", sort_key=8)


def _whole(kind: object, tokens: Sequence[Token]) -> int:
    """Read a whole number, which 1.5 is not."""
    return int(tokens[0].value)


Output = Annotated[T, Parameter(group=_OUTPUT)]
Out = Annotated[T, Parameter(group=_OUTPUT, alias="-o")]
Computing = Annotated[T, Parameter(group=_COMPUTING)]
Whole = Annotated[int, Parameter(converter=_whole)]
Natural = Annotated[Whole, Parameter(validator=Number(gte=0))]
Count = Annotated[Whole, Parameter(validator=Number(gte=1))]
Seed = Annotated[
    Whole, Parameter(group=_COMPUTING, validator=Number(gte=0, lt=2**63), help="Seed of everything random.")
]
Images = Annotated[int | None, Parameter(group=_COMPUTING, validator=Number(gte=1), converter=_whole)]
Holdout = Annotated[float, Parameter(group=_COMPUTING, validator=Number(gte=0, lte=0.5))]
Device = Annotated[str | None, Parameter(group=_COMPUTING, help="Where to compute; the first GPU, or else the CPU.")]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """A verb of the command line.

    Attributes:
        json: Write settings and numbers to this file.
    """

    verb: ClassVar[str]
    files: ClassVar[tuple[str, ...]] = ("json", "out", "plot")

    json: Output[Path | None] = None

    def __call__(self) -> None:
        """Check where results go, then do the work.

        Raises:
            RainbowError: For whatever cannot be used, before a file is written.
        """
        from rainbownet.cli.output import check_writable

        check_writable(*(getattr(self, name, None) for name in self.files))
        check_plot(getattr(self, "plot", None))
        self.run()

    def run(self) -> None:
        """Do the work."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the options that were given or have a default, those of blocks among them."""
        flat: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            flat |= asdict(value) if is_dataclass(value) and not isinstance(value, type) else {field.name: value}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in flat.items() if v is not None and v != ()}

    def write(self, results: Mapping[str, Any]) -> None:
        """Write settings and results to the file of `--json`, if there is one."""
        from rainbownet.cli.output import write_json

        write_json(self.json, self.verb, self.settings(), results)


@dataclass(frozen=True, kw_only=True)
class Aligning(Verb):
    """A verb that aligns networks on images.

    Attributes:
        images: Images to align on; enough for the width by default.
        holdout: Share of them kept to measure the alignment.
        seed: Seed of everything random.
        device: Where to compute; the first GPU, or else the CPU.
    """

    images: Images = None
    holdout: Holdout = 0.1
    seed: Seed = 0
    device: Device = None


@dataclass(frozen=True, kw_only=True)
class Drawing(Aligning):
    """A verb that walks a drawn network beside the trained one.

    Attributes:
        layers: Only layers under this module are drawn. May be repeated.
        control: Compute the white control as well.
        budget: Memory for activations, such as 2GiB.
    """

    layers: tuple[str, ...] = ()
    control: bool = True
    budget: Computing[str | None] = None

    def walking(self) -> dict[str, Any]:
        """Return the arguments of the library that say how images are read.

        Raises:
            RainbowError: If the budget is no number of bytes.
        """
        budget = None if self.budget is None else number_of_bytes("--budget", self.budget)
        layers = list(self.layers) or None
        return {"layers": layers, "max_images": self.images, "holdout": self.holdout, "budget": budget}


def check_plot(plot: Path | None) -> None:
    """Refuse a picture that cannot be drawn, before the work is done.

    Raises:
        FileError: If its folder is missing, or it is one.
        MissingExtra: Without matplotlib.
        RainbowError: If it has another ending than .png or .pdf.
    """
    if plot is None:
        return
    from rainbownet.cli.output import check_writable
    from rainbownet.errors import RainbowError
    from rainbownet.extras import require

    check_writable(plot)
    if plot.suffix.lower() not in (".png", ".pdf"):
        raise RainbowError(f"{plot}: a figure ends in .png or .pdf")
    require("matplotlib.figure", extra="plot")
