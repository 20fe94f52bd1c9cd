"""What verbs about a rainbow file share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from rainbownet.cli.verb import Verb

if TYPE_CHECKING:
    from rainbownet.facade import Rainbow

Trust = Annotated[bool, Parameter(negative=())]


@dataclass(frozen=True, kw_only=True)
class OnRainbow(Verb):
    """A verb about a rainbow file.

    Attributes:
        rainbow: A file written by fit.
        trust: Call the factory that the file names, if it names one.
    """

    rainbow: Path = field(kw_only=False)
    trust: Trust = False

    def load(self) -> "Rainbow":
        """Read the file."""
        from rainbownet.facade import load

        return load(self.rainbow, trust=self.trust)

    def trained_with(self, rainbow: "Rainbow") -> Mapping[str, Mapping[str, Any] | None]:
        """Return the normalisation that the file knows of, by its name; nothing if it knows of none."""
        return known_to(rainbow, self.rainbow)


def known_to(rainbow: "Rainbow", path: Path) -> dict[str, Mapping[str, Any] | None]:
    """Return the normalisation that a rainbow knows its networks were trained with, by the name of its file."""
    provenance = rainbow.provenance
    return {str(path): provenance["normalisation"]} if "normalisation" in provenance else {}
