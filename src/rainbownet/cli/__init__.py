"""Command line: arguments in, calls of the library, tables out. A verb is one file here and one line below."""

import typer

from rainbownet.cli.analyze import analyze
from rainbownet.cli.compare import compare
from rainbownet.cli.demo import demo
from rainbownet.cli.fit import fit
from rainbownet.cli.info import info
from rainbownet.cli.limit import limit
from rainbownet.cli.path import path
from rainbownet.cli.report import report
from rainbownet.cli.reproduce import reproduce
from rainbownet.cli.root import OneLineErrors, root
from rainbownet.cli.sample import sample
from rainbownet.cli.train import train

app = typer.Typer(
    name="rainbownet",
    cls=OneLineErrors,
    callback=root,
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (demo, info, fit, sample, limit, compare, path, report, train, reproduce):
    app.command()(verb)
app.add_typer(analyze)

__all__ = ["app"]
