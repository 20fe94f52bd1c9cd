"""The root of the command line: version, help, and every refusal as one line with exit status 2."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from cyclopts import App, CycloptsError, MissingArgumentError

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
    except MissingArgumentError as error:
        _leave(_missing(error))
    except (CycloptsError, RainbowError, OSError) as error:
        _leave(str(error))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        _leave(f"there is not enough memory for this; a smaller width or fewer images need less ({error})")
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


def _missing(error: MissingArgumentError) -> str:
    """Say what is missing: a value behind an option, an option, or one of the words without."""
    verb = " ".join(error.command_chain or ())
    argument = error.argument
    if argument is None or argument.tokens or error.keyword is not None:
        return str(error)
    name = argument.name if argument.field_info.is_keyword_only else argument.name.lstrip("-").upper()
    return f"{verb}: {name} is missing; see rainbownet {verb} --help"


def _leave(message: str, status: int = USAGE) -> NoReturn:
    print(f"rainbownet: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def _short_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # PyTorch says so of files that are no checkpoints, which we refuse ourselves.
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        warnings.showwarning = _show
        yield


def _show(message: Warning | str, category: type[Warning], *_: object) -> None:
    from rainbownet.progress import aside

    with aside():
        print(f"rainbownet: warning: {' '.join(str(message).split())}", file=sys.stderr)
