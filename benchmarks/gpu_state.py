"""What was done of the tasks of `gpu.py`: one JSON file, written after each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import machine
from rainbownet.files.write import write_file


@dataclass
class State:
    """How far each task is.

    Attributes:
        path: The file.
        tasks: By name: its state, minutes so far, what it printed last and the machine.
    """

    path: Path
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, out: Path) -> State:
        """Return what a folder of results knows."""
        path = out / "state.json"
        return cls(path, json.loads(path.read_text())["tasks"] if path.is_file() else {})

    def of(self, name: str) -> str:
        """Return the state of a task: `done`, `cut`, `skipped`, `failed` or nothing."""
        return self.tasks.get(name, {}).get("state", "")

    def minutes(self, name: str) -> float:
        """Return the minutes that a task took so far."""
        return self.tasks.get(name, {}).get("minutes", 0.0)

    def note(self, name: str, state: str, seconds: float, said: str, device: str) -> None:
        """Write down how a task ended."""
        minutes = round(self.minutes(name) + seconds / 60, 3)
        self.tasks[name] = {"state": state, "minutes": minutes, "said": said, "machine": machine(device)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.path, (json.dumps({"tasks": self.tasks}, indent=1, ensure_ascii=False) + "\n").encode())
