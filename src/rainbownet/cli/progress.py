"""A progress bar on standard error for anything that takes longer than a second, where that is a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

PATIENCE = 1.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {task.fields['unit']}/s" if task.speed else "")


@contextmanager
def progress(title: str, unit: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far something is, at which rate it goes and how long it will take.

    Args:
        title: What is done.
        unit: What is counted.
        shown: False shows nothing.

    Yields:
        What to call with the number done and the number in all; nothing where no bar is shown.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(title, total=None, unit=unit)
    began = time.monotonic()

    def update(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if time.monotonic() - began > PATIENCE and done < total:
            bar.start()

    try:
        yield update
    finally:
        bar.stop()
