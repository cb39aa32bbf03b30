"""What leaves mzsym and stands alone: C and Python packages, LaTeX, exact JSON."""

from mzsym.export.export import export

__all__ = ["export"]
