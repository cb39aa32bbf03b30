"""Norms that are estimated, never proved: adjoint pairs, overlaps and Galerkin sections; MATH (24)."""
