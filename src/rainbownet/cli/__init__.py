"""Command line: arguments in, calls of the library, tables out. A verb is one file here and one name below."""

from cyclopts import App, Parameter

from rainbownet.cli.analyze_networks import Clipping, Convergence, Similarity, Spectra
from rainbownet.cli.analyze_rows import Bulk, Dynamics, Gaussianity
from rainbownet.cli.compare import Compare
from rainbownet.cli.compress import Compress
from rainbownet.cli.demo import Demo
from rainbownet.cli.fit import Fit
from rainbownet.cli.info import Info
from rainbownet.cli.limit import Limit
from rainbownet.cli.path import Path
from rainbownet.cli.report import Report
from rainbownet.cli.reproduce import Reproduce
from rainbownet.cli.root import HELP, run, shown_default, version
from rainbownet.cli.sample import Sample
from rainbownet.cli.similarity import Similarity as OfLayers
from rainbownet.cli.train import Train

app = App(
    name="rainbownet",
    help=HELP,
    version=version,
    help_format="markdown",
    default_parameter=Parameter(negative_iterable=(), show_default=shown_default),
    suppress_keyboard_interrupt=False,
)
analyze = App(
    name="analyze",
    sort_key=20,
    help="Analyse networks as published: spectra, clipping, convergence, similarity, Gaussianity, bulk, dynamics.",
)
for group, verbs in (
    (app, (Demo, Info, Fit, Sample, Compress, Limit, Compare, OfLayers, Path, Report, Train, Reproduce)),
    (analyze, (Spectra, Clipping, Convergence, Similarity, Gaussianity, Bulk, Dynamics)),
):
    for order, verb in enumerate(verbs):
        group.command(verb, name=verb.__name__.lower(), sort_key=order)
app.command(analyze)


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and leave with its exit status: 0, or 2 for input that cannot be used.

    Args:
        arguments: Its words; those of this process by default.

    Raises:
        SystemExit: Always.
    """
    run(app, arguments)


__all__ = ["app", "main"]
