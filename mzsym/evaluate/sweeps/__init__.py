"""Many parameter sets: ``ev.sweep``, what is measured for each of them, and how the work is cut into chunks."""

from mzsym.evaluate.sweeps.run import sweep

__all__ = ["sweep"]
