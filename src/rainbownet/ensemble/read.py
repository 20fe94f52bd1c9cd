"""Reading an ensemble back: a table of its members, and each network when it is asked for."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor, nn

from rainbownet.checks import path_of
from rainbownet.ensemble.member import Member
from rainbownet.errors import FileError
from rainbownet.files.checkpoint import read_state
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.graph.measure import MISFITS, metered
from rainbownet.naming import apply_state


class Ensemble:
    """The members found in a directory.

    Args:
        directory: The directory.
        names: Names of the members' directories.
        trust: Whether factories that the members name may be called, or the names of those that may.
    """

    def __init__(self, directory: Path, names: Sequence[str], *, trust: bool | Collection[str] = False) -> None:
        self.directory, self.trust = directory, trust
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
            FileError: If it is not finished, that epoch was not kept, or its factory is not trusted.
        """
        place = self.directory / self.names[k]
        path = place / ("model.safetensors" if epoch is None else f"epochs/{epoch:04d}.safetensors")
        if not path.exists():
            kept = ", ".join(str(int(file.stem)) for file in sorted((place / "epochs").glob("*.safetensors")))
            state = "it is not finished" if epoch is None else f"epoch {epoch} was not kept"
            raise FileError(f"member {self.names[k]!r}: {state}; the kept epochs are {kept or 'none'}")
        state = read_state(path)
        return apply_state(self._built(k, state), state, origin=str(path)).eval()

    def _built(self, k: int, state: Mapping[str, Tensor]) -> nn.Module:
        """Build a member: a factory if it is trusted, a reference network if it is not far larger than its weights."""
        spec, origin = self.members[k].network, str(self.directory / self.names[k] / "member.json")
        if ":" in spec:
            if self.trust is not True and (self.trust is False or spec not in self.trust):
                raise FileError(
                    f"{origin}: its network is made by {spec!r:.200}, code that a file may not run; read the ensemble "
                    "with trust=True if you trust who wrote it"
                )
            return self.members[k].build()
        try:
            with metered(sum(value.numel() for value in state.values()), origin):
                return self.members[k].build()
        except FileError:
            raise
        except MISFITS as error:
            raise FileError(f"{origin}: its network cannot be built ({reason(error)})") from error

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
            **(check_fields(parse_json(lines[-1], str(log), finite=False), {}, str(log), "log") if lines else {}),
        }


def read(directory: str | Path, *, trust: bool | Collection[str] = False) -> Ensemble:
    """Find the members in a directory, in order of network, arguments, width and seed.

    Args:
        directory: What was given to `train_ensemble`.
        trust: Whether factories of the form `package.module:factory` that the members name may be imported and called,
            or the names of those that may. Reference networks need no trust.

    Returns:
        The ensemble; no weights are read yet.

    Raises:
        FileError: If there is no member.
    """
    directory = Path(path_of("directory", directory))
    names = [path.parent.name for path in directory.glob("*/member.json")]
    if not names:
        raise FileError(f"{directory}: no member of an ensemble (no */member.json) is there")

    def order(name: str) -> tuple[Any, ...]:
        member = Member.from_file(directory / name / "member.json")
        return (member.network, json.dumps(member.kwargs, sort_keys=True), member.width or 0.0, member.seed, name)

    return Ensemble(directory, sorted(names, key=order), trust=trust)
