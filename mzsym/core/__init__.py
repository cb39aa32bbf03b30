"""What every package shares: errors, standings, options, symbol names and the primitive table."""

from mzsym.core.errors import MzError
from mzsym.core.options import Options
from mzsym.core.standing import Standing, Verdict

__all__ = ["MzError", "Options", "Standing", "Verdict"]
