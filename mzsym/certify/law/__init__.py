"""Sharp norms in the law of the state; MATH (24)."""
