"""Figures: plots of tables, one file each."""
