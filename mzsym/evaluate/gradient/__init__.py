"""Exact gradients of scalars of the tables by an adjoint pass; imported when the first one is asked for."""
