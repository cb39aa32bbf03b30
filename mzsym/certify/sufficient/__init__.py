"""Sufficient conditions for contraction: Hilbert-Schmidt norms, Dobrushin, Lipschitz; MATH (23), (25)-(26)."""
