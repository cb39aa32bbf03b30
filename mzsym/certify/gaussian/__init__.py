"""Norms of layers in the standard Gaussian measure; MATH (23) and (23g)."""
