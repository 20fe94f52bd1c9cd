"""Rainbow networks for PyTorch: align, compress, sample and compare trained networks."""
