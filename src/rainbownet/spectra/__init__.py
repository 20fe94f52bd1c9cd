"""Spectra: Marchenko–Pastur, shrinkage, effective ranks and laws of decay; eigenvalues to numbers."""
