"""Everything that needs a GPU, as one command that is called until it says that nothing is left.

    python benchmarks/gpu.py run [--device cuda] [--only NAME …] [--minutes 9] [--out runs/gpu] [--toy]
    python benchmarks/gpu.py list [--out runs/gpu]
    python benchmarks/gpu.py pack DATA PARTS [--mib 48]
    python benchmarks/gpu.py unpack PARTS DATA

A call works for `--minutes` at most, then ends the task it is at and says what is left; the same call goes on there,
for every task keeps what it has trained and measured in `--out`: a JSON file (and the pictures of figures) with the
hardware named. `pack` writes a folder of data as parts of a size that can be sent, with their hashes; `unpack` joins
them. `--toy` runs everything at a size that a processor manages, to see that it runs: its numbers mean nothing.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from common import ROOT, show
from gpu_figures import draw_wide
from gpu_state import State
from gpu_tasks import TASKS, Task
from parts import pack, unpack

app = App(help="Everything that needs a GPU, in slices.", version_flags=[])
app.command(pack)
app.command(unpack)

SPARE = 15.0
"""Seconds of a call that are kept for what follows a task."""

GRACE = 20.0
"""Seconds a task has to end once it is told to."""

Minutes = Annotated[float, Parameter(validator=Number(gt=0))]


@dataclass(frozen=True)
class Slice:
    """How a task's part of a call ended.

    Attributes:
        state: `done`, `cut` (time was up; it goes on in another call), `skipped` or `failed`.
        said: The last lines it printed.
    """

    state: str
    said: str


@app.command(name="list")
def overview(out: Path = Path("runs/gpu")) -> None:
    """Show the tasks and how far they are.

    Args:
        out: Folder of results.
    """
    state = State.read(out)
    rows = [[task.name, task.what, state.of(task.name), round(state.minutes(task.name), 1)] for task in TASKS]
    show("Tasks", ["task", "what", "state", "minutes so far"], rows)


@app.command
def run(
    *,
    device: str = "cuda",
    only: Sequence[str] = (),
    minutes: Minutes = 9.0,
    out: Path = Path("runs/gpu"),
    toy: bool = False,
) -> None:
    """Go on with the tasks that are not done.

    Args:
        device: Where to compute.
        only: Names of tasks; all without.
        minutes: What this call may take; at most 10 where a session is cut then.
        out: Folder of results, networks and of what was done.
        toy: Sizes at which everything runs in minutes on a processor.
    """
    known = {task.name for task in TASKS}
    if unknown := [name for name in only if name not in known]:
        raise SystemExit(f"--only: {unknown[0]!r} is unknown; there are {', '.join(task.name for task in TASKS)}")
    end = time.monotonic() + 60 * minutes
    state = State.read(out)
    for task in TASKS:
        if (only and task.name not in only) or state.of(task.name) in ("done", "skipped"):
            continue
        left = end - time.monotonic() - SPARE
        if left <= 0:
            break
        began = time.monotonic()
        print(f"{task.name}: {task.what}", flush=True)
        found = work(task, device, out, toy=toy, seconds=left)
        state.note(task.name, found.state, time.monotonic() - began, found.said, device)
        print(f"{task.name}: {found.state}", flush=True)
        if found.state == "failed":
            print(found.said)
    if (picture := draw_wide(out)) is not None:
        print(f"{picture}: drawn")
    left_over = [task.name for task in TASKS if state.of(task.name) not in ("done", "skipped")]
    print(f"left: {', '.join(left_over)}. The same command goes on with them." if left_over else "nothing is left")
    if any(state.of(name) == "failed" for name in left_over):
        raise SystemExit(1)


def work(task: Task, device: str, out: Path, *, toy: bool, seconds: float) -> Slice:
    """Run the commands of a task, each of which keeps what it did, until the time is up.

    Args:
        task: The task.
        device: Where it computes.
        out: Folder of results.
        toy: Whether sizes are small.
        seconds: Time for all its commands.
    """
    end, said = time.monotonic() + seconds, ""
    for command in task.commands(device, out.resolve(), toy):
        environment = task.environment(device)
        with subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                printed, _ = process.communicate(timeout=max(end - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                return Slice("cut", _last(_stopped(process)))
        said = _last(printed)
        if process.returncode:
            return Slice("failed", said)
        if said.startswith("skipped:"):
            return Slice("skipped", said)
    return Slice("done", said)


def _stopped(process: subprocess.Popen[bytes]) -> bytes:
    """End a process and return what it printed."""
    process.terminate()
    try:
        return process.communicate(timeout=GRACE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _last(printed: bytes) -> str:
    return "\n".join(printed.decode(errors="replace").strip().splitlines()[-15:])


if __name__ == "__main__":
    app()
