"""Made-up tables for every rule of every figure: by which it agrees, disagrees, and cannot tell."""

from experiments.figure_tables import alignment, imagenet, samples, spectra, symmetry, universality, weights
from experiments.figure_tables.tables import Cases

SUBJECTS = (spectra, weights, alignment, imagenet, samples, universality, symmetry)

CASES: Cases = {key: tables for subject in SUBJECTS for key, tables in subject.CASES.items()}
"""By figure and rule, and by verdict, tables that lead to it."""
