"""A progress bar on standard error for anything that takes longer than a second, where that is a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0

_running: list[Progress] = []
"""The bars that are on the screen."""


@contextmanager
def progress(
    title: str, unit: str, *, before: int = 0, shown: bool = True
) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far something is, at which rate it goes and how long it will take.

    Args:
        title: What is done.
        unit: What is counted.
        before: How many were done before, in another run.
        shown: False shows nothing.

    Yields:
        What to call with the number done and the number in all; nothing where no bar is shown.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield None
        return
    rate = TextColumn("{task.fields[rate]}")
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        rate,
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(title, total=None, rate="")
    began = time.monotonic()

    def update(done: int, total: int) -> None:
        seconds = time.monotonic() - began
        bar.update(task, completed=done, total=total, rate=f"{(done - before) / max(seconds, 1e-9):.1f} {unit}/s")
        if seconds > PATIENCE and done < total and bar not in _running:
            _running.append(bar)
            bar.start()

    try:
        yield update
    finally:
        bar.stop()
        if bar in _running:
            _running.remove(bar)


@contextmanager
def aside() -> Iterator[None]:
    """Take the bars off the screen while something else is printed."""
    for bar in _running:
        bar.stop()
    try:
        yield
    finally:
        for bar in _running:
            bar.start()
