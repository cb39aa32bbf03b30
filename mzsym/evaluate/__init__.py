"""Numbers: from an equation to tables and functions, by the engine that suits it."""

from mzsym.evaluate.compile import compile
from mzsym.evaluate.evaluator import Evaluator
from mzsym.evaluate.explanation import Explanation, explain
from mzsym.evaluate.quadrature.galerkin import galerkin

__all__ = ["Evaluator", "Explanation", "compile", "explain", "galerkin"]
