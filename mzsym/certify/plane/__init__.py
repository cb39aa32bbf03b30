"""Sharp norms of layers of dimension two; MATH (24)."""
