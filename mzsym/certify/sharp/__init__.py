"""Sharp norms of layers of dimension one, enclosed from both sides, and products of them; MATH (24) and (27)."""
