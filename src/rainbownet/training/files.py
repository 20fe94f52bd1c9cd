"""The files of one training run: written whole or not at all, so that a killed run goes on from its last epoch."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rainbownet.errors import FileError

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
            write_text(path, json.dumps(self._identity, indent=2) + "\n")
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FileError(f"{path}: not a run of training ({error})") from error
        differing = [key for key, value in self._identity.items() if found.get(key) != value]
        if differing:
            key = differing[0]
            raise FileError(
                f"{self.directory} holds another run: its {key} is {found.get(key)}, not {self._identity[key]}; "
                "choose another directory, or remove this one"
            )

    def save_state(self, epoch: int, tensors: Mapping[str, Tensor], row: Mapping[str, Any]) -> None:
        """Log an epoch and make it the one to resume from, in this order."""
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        save_tensors(self._state, tensors, {"epoch": str(epoch)})

    def load_state(self) -> tuple[int, dict[str, Tensor]] | None:
        """Return the last whole epoch and its tensors, or None before the first."""
        if not self._state.exists():
            return None
        tensors, metadata = load_tensors(self._state)
        return int(metadata["epoch"]), tensors

    def rows(self, last: int | None = None) -> list[dict[str, Any]]:
        """Return the log, one dictionary an epoch, up to `last`; a line cut off by a kill is left out."""
        if not self._log.exists():
            return []
        lines = self._log.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines[:-1]]
        return [row for row in rows if last is None or row["epoch"] <= last]

    def rewind(self, last: int) -> None:
        """Forget the log after epoch `last`."""
        write_text(self._log, "".join(json.dumps(row) + "\n" for row in self.rows(last)))

    def keep_epoch(self, epoch: int, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights of an epoch for good."""
        save_tensors(self.directory / "epochs" / f"{epoch:04d}.safetensors", weights, {"epoch": str(epoch)})

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        """Write the final weights, then drop the state to resume from."""
        save_tensors(self.model, weights, {})
        self._state.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors to a safetensors file atomically; a complex one as real and imaginary parts on a last axis.

    Args:
        path: Where to; directories are made.
        tensors: What to write.
        metadata: Strings to keep beside them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Cloned because safetensors refuses tensors that share memory, as tied weights do.
    plain = {
        key: (torch.view_as_real(value) if value.is_complex() else value).detach().cpu().contiguous().clone()
        for key, value in tensors.items()
    }
    temporary = _temporary(path)
    save_file(plain, temporary, metadata=dict(metadata))
    _replace(temporary, path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_tensors` wrote.

    Args:
        path: The file.

    Returns:
        Tensors (complex ones as pairs of reals) and metadata.

    Raises:
        FileError: If the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FileError(f"{path}: not a readable safetensors file ({error})") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; directories are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.write_text(text, encoding="utf-8")
    _replace(temporary, path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _replace(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
