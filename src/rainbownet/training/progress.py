"""The bar that shows how far a training is, how fast it goes and how long it will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} steps/s" if task.speed else "")


@contextmanager
def bar(title: str, total: int, completed: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error while the context lasts, if that is a terminal.

    Args:
        title: What is trained.
        total: Number of steps.
        completed: Steps done before.
        shown: False shows nothing.

    Yields:
        What to call after each step.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total, completed=completed)
        yield lambda: progress.advance(task)
