"""The files of one training run: written whole or not at all, so that a killed run goes on from its last epoch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from rainbownet.errors import FileError
from rainbownet.files.strict import parse_json, read_json
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.files.write import append_line, write_text

FORMAT = 1


class RunFiles:
    """A directory with `run.json`, `log.jsonl`, kept epochs, the state to resume from and, in the end, the weights.

    Args:
        directory: The directory; made if it is not there.
        identity: What makes this run this run (recipe, seed, data, network), as plain JSON.

    Raises:
        FileError: If the directory holds another run.
    """

    def __init__(self, directory: str | Path, identity: Mapping[str, Any]) -> None:
        self.directory = Path(directory)
        self.model = self.directory / "model.safetensors"
        self._state = self.directory / "state.safetensors"
        self._log = self.directory / "log.jsonl"
        self._identity = {"format": FORMAT, **json.loads(json.dumps(identity))}

    def claim(self) -> None:
        """Write `run.json`, or check that the one there is of the same run; remove what a kill left half written."""
        for leftover in self.directory.rglob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        path = self.directory / "run.json"
        if not path.exists():
            write_text(path, json.dumps(self._identity, indent=2) + "\n", parents=True)
            return
        found = read_json(path)
        if not isinstance(found, dict):
            raise FileError(f"{path}: not a run of training; an object is needed")
        differing = [key for key, value in self._identity.items() if found.get(key) != value]
        if differing:
            key = differing[0]
            raise FileError(
                f"{self.directory} holds another run: its {key} is {found.get(key)}, not {self._identity[key]}; "
                "choose another directory, or remove this one"
            )

    def save_state(self, epoch: int, tensors: Mapping[str, Tensor], row: Mapping[str, Any]) -> None:
        """Log an epoch and make it the one to resume from, in this order."""
        append_line(self._log, json.dumps(row))
        write_tensors(self._state, tensors, {"epoch": str(epoch)}, pairs=True)

    def load_state(self) -> tuple[int, dict[str, Tensor]] | None:
        """Return the last whole epoch and its tensors, or None before the first."""
        if not self._state.exists():
            return None
        tensors, metadata = read_tensors(self._state)
        epoch = metadata.get("epoch", "")
        if not epoch.removeprefix("-").isdecimal():
            raise FileError(f"{self._state}: its epoch is {epoch!r}; not a state of training")
        return int(epoch), tensors

    def rows(self, last: int | None = None) -> list[dict[str, Any]]:
        """Return the log, one dictionary an epoch, up to `last`; a line cut off by a kill is left out."""
        if not self._log.exists():
            return []
        lines = self._log.read_text(encoding="utf-8").split("\n")
        rows = [parse_json(line, str(self._log), finite=False) for line in lines[:-1]]
        return [row for row in rows if last is None or row["epoch"] <= last]

    def rewind(self, last: int) -> None:
        """Forget the log after epoch `last`."""
        write_text(self._log, "".join(json.dumps(row) + "\n" for row in self.rows(last)))

    def keep_epoch(self, epoch: int, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
        """Keep the weights of an epoch for good, and what is to be known of them."""
        path = self.directory / "epochs" / f"{epoch:04d}.safetensors"
        write_tensors(path, weights, {"epoch": str(epoch), **metadata}, parents=True, pairs=True)

    def finish(self, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
        """Write the final weights and what is to be known of them, then drop the state to resume from."""
        write_tensors(self.model, weights, metadata, pairs=True)
        self._state.unlink(missing_ok=True)
