"""The root of the command line: version, help, and every refusal as one line with exit status 2."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from cyclopts import App, CycloptsError

from rainbownet.errors import RainbowError

USAGE = 2
INTERRUPTED = 130

HELP = """Rainbow networks: align, compress, sample and compare trained networks.

A trained network becomes the law of its neurons, a law becomes new networks of any width, without training.
Start with **rainbownet demo**.
"""


def run(app: App, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a verb and leave with its exit status.

    Args:
        app: The verbs.
        arguments: The words of the command line; those of this process by default.

    Raises:
        SystemExit: Always: 0, 2 for what cannot be used, said in one line, 130 when interrupted.
    """
    try:
        with _short_warnings():
            app(arguments, exit_on_error=False, print_error=False, result_action="call_if_callable")
    except (CycloptsError, RainbowError, OSError) as error:
        _leave(str(error))
    except KeyboardInterrupt:
        _leave("interrupted", INTERRUPTED)
    sys.exit(0)


def version() -> str:
    """Return the line of `--version`."""
    from rainbownet import __version__

    return f"rainbownet {__version__}"


def shown_default(value: object) -> str | None:
    """Return a default as help shows it; nothing where there is none."""
    return None if value is None or value is False or value in ((), "") else str(value)


def _leave(message: str, status: int = USAGE) -> NoReturn:
    print(f"rainbownet: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def _short_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def _show(message: Warning | str, category: type[Warning], *_: object) -> None:
    from rainbownet.cli.progress import aside

    with aside():
        print(f"rainbownet: warning: {' '.join(str(message).split())}", file=sys.stderr)
