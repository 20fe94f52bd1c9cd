"""Plots with matplotlib: one look for published figures, analyses, limits and the demonstration."""
