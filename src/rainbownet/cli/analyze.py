"""The verb `analyze`: a verb of its own for each analysis of a user's networks."""

import typer

from rainbownet.cli.analyze_networks import clipping, convergence, similarity, spectra
from rainbownet.cli.analyze_rows import bulk, dynamics, gaussianity

analyze = typer.Typer(
    name="analyze",
    help="Analyse networks as published: spectra, clipping, convergence, similarity, Gaussianity, bulk, dynamics.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (spectra, clipping, convergence, similarity, gaussianity, bulk, dynamics):
    analyze.command()(verb)
