"""Options, passed down as one frozen value; there is no global state."""

from __future__ import annotations

from dataclasses import dataclass

from mzsym.core.errors import MzError


@dataclass(frozen=True)
class Options:
    """What a user may tune.

    Parameters
    ----------
    tolerance : float
        Absolute tolerance asked of every table entry by the numerical engines.
    max_operations : int
        Size, in SymPy operations, above which a concrete term stays factored.
    max_total_operations : int
        Budget, in SymPy operations by estimate, of all terms that one call writes out; the others are left by name.
    max_nodes : int
        Largest number of grid nodes along one coordinate that refinement may reach.
    memory_budget : int
        Bytes that the tables and transfer matrices of one evaluator may take.
    """

    tolerance: float = 1e-10
    max_operations: int = 5000
    max_total_operations: int = 1_000_000
    max_nodes: int = 512
    memory_budget: int = 4 * 2**30

    def __post_init__(self) -> None:
        for name in ("tolerance", "max_operations", "max_total_operations", "max_nodes", "memory_budget"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0 or value == float("inf"):
                raise MzError(f"The option {name} is {value!r}", f"options.{name}", "Give a positive finite number")
