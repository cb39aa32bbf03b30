"""Spectral collocation on tensor Gauss-Legendre grids, for states of dimension 1 to 3."""
