"""Reading an ensemble back: a table of its members, and each network when it is asked for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from rainbownet.ensemble.member import Member
from rainbownet.errors import FileError
from rainbownet.resolve import load_weights


class Ensemble:
    """The members found in a directory.

    Args:
        directory: The directory.
        names: Names of the members' directories.
    """

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self.directory = directory
        self.names = tuple(names)
        self.members = tuple(Member.from_file(directory / name / "member.json") for name in names)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each member: what it is, whether it is finished, and the last line of its log."""
        return pd.DataFrame([self._row(k) for k in range(len(self))])

    def network(self, k: int, *, epoch: int | None = None) -> nn.Module:
        """Build a member and read its weights.

        Args:
            k: Row of the table.
            epoch: A kept epoch; None is the end.

        Returns:
            The network, in evaluation mode.

        Raises:
            FileError: If it is not finished, or that epoch was not kept.
        """
        place = self.directory / self.names[k]
        path = place / ("model.safetensors" if epoch is None else f"epochs/{epoch:04d}.safetensors")
        if not path.exists():
            kept = ", ".join(str(int(file.stem)) for file in sorted((place / "epochs").glob("*.safetensors")))
            state = "it is not finished" if epoch is None else f"epoch {epoch} was not kept"
            raise FileError(f"member {self.names[k]!r}: {state}; the kept epochs are {kept or 'none'}")
        return load_weights(self.members[k].build(), path).eval()

    def _row(self, k: int) -> dict[str, Any]:
        member, place = self.members[k], self.directory / self.names[k]
        log = place / "log.jsonl"
        lines = log.read_text(encoding="utf-8").split("\n")[:-1] if log.exists() else []
        return {
            "name": self.names[k],
            "network": member.network,
            "width": member.width,
            "seed": member.seed,
            **{f"kwargs.{key}": value for key, value in member.kwargs.items()},
            "finished": (place / "model.safetensors").exists(),
            **(json.loads(lines[-1]) if lines else {}),
        }


def read(directory: str | Path) -> Ensemble:
    """Find the members in a directory, in order of network, arguments, width and seed.

    Args:
        directory: What was given to `train_ensemble`.

    Returns:
        The ensemble; no weights are read yet.

    Raises:
        FileError: If there is no member.
    """
    directory = Path(directory)
    names = [path.parent.name for path in directory.glob("*/member.json")]
    if not names:
        raise FileError(f"{directory}: no member of an ensemble (no */member.json) is there")

    def order(name: str) -> tuple[Any, ...]:
        member = Member.from_file(directory / name / "member.json")
        return (member.network, json.dumps(member.kwargs, sort_keys=True), member.width or 0.0, member.seed, name)

    return Ensemble(directory, sorted(names, key=order))
