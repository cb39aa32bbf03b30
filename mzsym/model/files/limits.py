"""Sizes that a model file may have, so that no file can hang the reader or exhaust the machine."""

from __future__ import annotations

from mzsym.model.values import MAX_DIM

FORMAT = 1
"""Version of the schema that this mzsym reads and writes."""

FILE_BYTES = 2**20
"""Length of the TOML file."""

NESTING = 16
"""Depth of brackets, and number of parts of a dotted key."""

BARE_TOKEN = 400
"""Characters of a number or another unquoted value."""

EXPRESSION_CHARACTERS = 10_000
EXPRESSION_NESTING = 64

CASES = 32
"""Conditions of one case distinction."""

DIGITS = 400
"""Digits of one number; a subnormal double as an exact fraction has 324."""

CONSTANT_BITS = 8192
"""Numerator plus denominator of an exact power of constants."""

LITERAL_BITS = 996
"""Numerator and denominator of an exact constant, each: below 1e300, as every written integer."""

EXPONENT = 256
"""Largest constant exponent, in absolute value."""

CONSTANT_MAGNITUDE = 1e300
"""Constants beyond this would leave double precision in the kernels."""

ARGUMENT = 1e9
"""Largest constant that a function is called with."""

LAYERS = 1024
DIMENSION = MAX_DIM
ENTRIES = 2**24
"""Weights of one layer."""

WEIGHTS_BYTES = 2**28
"""All arrays of a weights file, uncompressed."""

INLINE_ENTRIES = 64
"""Arrays larger than this are saved beside the model instead of inside it."""
