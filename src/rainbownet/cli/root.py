"""The root of the command line: version, help, and every refusal as one line with exit status 2."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rainbownet.errors import RainbowError

USAGE = 2

# The base of the errors of whichever click this version of Typer carries.
_ClickError: Any = typer.BadParameter.__mro__[2]


class OneLineErrors(TyperGroup):
    """A group of verbs that turns errors of the user's making into one line and exit status 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a verb and leave with its exit status."""
        kwargs["standalone_mode"], status = False, 0
        try:
            with _short_warnings():
                status = super().main(*args, **kwargs)
        except _ClickError as error:
            _leave(error.format_message())
        except (RainbowError, OSError) as error:
            _leave(str(error))
        except (KeyboardInterrupt, typer.Abort):
            _leave("interrupted", status=130)
        sys.exit(status if isinstance(status, int) else 0)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; without any, ask for help."""
        return super().parse_args(ctx, args or ["--help"])


def _print_version(asked: bool) -> bool:
    if asked:
        from rainbownet import __version__

        typer.echo(f"rainbownet {__version__}")
        raise typer.Exit
    return asked


def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Rainbow networks: align, compress, sample and compare trained networks.

    A trained network becomes the law of its neurons, a law becomes new networks of any width, without training.
    Start with [bold]rainbownet demo[/bold].
    """


def _leave(message: str, status: int = USAGE) -> None:
    line = " ".join(message.split())
    typer.echo(f"rainbownet: {line}", err=True)
    sys.exit(status)


@contextmanager
def _short_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def _show(message: Warning | str, category: type[Warning], *_: Any) -> None:
    typer.echo(f"rainbownet: warning: {' '.join(str(message).split())}", err=True)
