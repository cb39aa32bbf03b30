"""The derivation ends in MATH (10)-(13), its views are right, and it stays cheap in terms."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from pathlib import Path

import pytest
import sympy as sp
from latex2mathml import converter

from mzsym.core import MzError
from mzsym.derive.operators.derivation import Derivation, derive_operator
from mzsym.derive.operators.indices import variable
from mzsym.derive.operators.sums import text
from mzsym.derive.operators.to_sympy import OBSERVABLE, M, N, P, Phi, Psi, Q, p, q

DIRECTIONS = ("backward", "forward")
n, m, L = (sp.Symbol(name, integer=True) for name in "nmL")


def same(one: sp.Eq, lhs: sp.Expr, rhs: sp.Expr) -> bool:
    return one.lhs == lhs and sp.expand(one.rhs - rhs) == 0


def test_symbolic_backward_is_math_11_and_12() -> None:
    derivation = derive_operator("backward")
    memory = sp.Sum(M(n) * Phi(n + 1, m) * P(m) * q(m), (m, n + 2, L))
    rhs = M(n) * P(n + 1) * q(n + 1) + memory + M(n) * Phi(n + 1, L) * Q(L) * OBSERVABLE
    assert same(derivation.unprojected, q(n), rhs)
    memory = sp.Sum(P(n) * M(n) * Phi(n + 1, m) * P(m) * q(m), (m, n + 2, L))
    rhs = P(n) * M(n) * P(n + 1) * q(n + 1) + memory + P(n) * M(n) * Phi(n + 1, L) * Q(L) * OBSERVABLE
    assert same(derivation.equation, P(n) * q(n), rhs)


def test_symbolic_dyson_is_math_10() -> None:
    dyson = derive_operator("backward").step("dyson").to_sympy()
    assert same(dyson, Q(n) * M(n, L), sp.Sum(Phi(n, m) * P(m) * M(m, L), (m, n + 1, L)) + Phi(n, L) * Q(L))


def test_symbolic_forward_is_math_13() -> None:
    derivation = derive_operator("forward")
    memory = sp.Sum(P(n + 1) * N(n) * Psi(n, m) * P(m) * p(m), (m, 0, n - 1))
    rhs = P(n + 1) * N(n) * P(n) * p(n) + memory + P(n + 1) * N(n) * Psi(n, 0) * Q(0) * p(0)
    assert same(derivation.equation, P(n + 1) * p(n + 1), rhs)


def test_concrete_equations_by_hand() -> None:
    back = derive_operator("backward", 3)
    rhs = P(0) * M(0) * P(1) * q(1) + P(0) * M(0) * Phi(1, 2) * P(2) * q(2) + P(0) * M(0) * Phi(1, 3) * P(3) * q(3)
    assert same(back.equation_at(0), P(0) * q(0), rhs + P(0) * M(0) * Phi(1, 3) * Q(3) * OBSERVABLE)
    assert same(back.equation_at(2), P(2) * q(2), P(2) * M(2) * P(3) * q(3) + P(2) * M(2) * Q(3) * OBSERVABLE)
    assert same(back.unprojected_at(2), q(2), M(2) * P(3) * q(3) + M(2) * Q(3) * OBSERVABLE)
    forth = derive_operator("forward", 3)
    rhs = P(2) * N(1) * P(1) * p(1) + P(2) * N(1) * Psi(1, 0) * P(0) * p(0) + P(2) * N(1) * Psi(1, 0) * Q(0) * p(0)
    assert same(forth.equation_at(1), P(2) * p(2), rhs)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("depth", [1, 2, 3, 7])
def test_symbolic_instances_are_the_concrete_equations(direction: str, depth: int) -> None:
    symbolic, concrete = derive_operator(direction), derive_operator(direction, depth)
    for layer in range(depth):
        instance = symbolic.equation.subs({n: layer, L: depth}).doit()
        assert sp.expand(instance.rhs - concrete.equation_at(layer).rhs) == 0
        assert instance.lhs == concrete.equation_at(layer).lhs
        assert concrete.equation == symbolic.equation


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("depth", [None, 1, 2, 3, 9, 24])
def test_verify_proves_every_step(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    assert derivation.verify() == tuple(step.name for step in derivation.steps)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_terms_grow_like_the_square_of_the_depth(direction: str) -> None:
    def terms(depth: int) -> int:
        steps = derive_operator(direction, depth).steps
        assert all(len(term.word) <= 6 for step in steps for side in step.claim for term in side)  # words stay factored
        return sum(len(side) for step in steps for side in step.claim)

    assert 3.5 < terms(48) / terms(24) < 4.1


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("depth", [None, 1, 4])
def test_premises_are_earlier_steps(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    seen: set[str] = set()
    for step in derivation.steps:
        assert set(step.premises) <= seen
        assert step.why.endswith(".") and step.cites.startswith("MATH (")
        seen.add(step.name)


def ancestors(derivation: Derivation, name: str) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        found.add(todo[-1])
        todo += [other for other in derivation.step(todo.pop()).premises if other not in found]
    return found


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_steps_for_names_what_a_term_rests_on(direction: str) -> None:
    depth = 5
    derivation = derive_operator(direction, depth)
    order = [step.name for step in derivation.steps]
    for layer in range(depth):
        above = ancestors(derivation, f"projected[{layer}]")
        noise = derivation.steps_for("noise", layer)
        assert set(noise) == above  # the noise is what is left at the end, so it rests on everything
        assert [order.index(name) for name in noise] == sorted(order.index(name) for name in noise)
        assert set(derivation.steps_for("streaming", layer)) <= above
        others = range(layer + 2, depth + 1) if direction == "backward" else range(layer)
        for other in others:
            names = derivation.steps_for("memory", layer, other)
            assert set(names) <= above
            # P_other comes in at the row before it, and at no row nearer to the end layer
            entry = derivation.step(next(name for name in names if name.startswith("dyson[")))
            assert f"P_{other} " in text(entry.claim.rhs)
    assert "dyson" in derive_operator(direction).steps_for("memory")
    assert "dyson" not in derive_operator(direction).steps_for("streaming")


@pytest.mark.parametrize(
    "call",
    [
        lambda: derive_operator("sideways"),  # type: ignore[arg-type]
        lambda: derive_operator("backward", 0),
        lambda: derive_operator("backward", True),
        lambda: derive_operator("backward", 2.0),  # type: ignore[arg-type]
        lambda: derive_operator("backward", 3).equation_at(3),
        lambda: derive_operator("backward", 3).equation_at(-1),
        lambda: derive_operator("backward").equation_at(0),
        lambda: derive_operator("backward", 3).steps_for("memory", 1, 2),
        lambda: derive_operator("forward", 3).steps_for("memory", 1, 1),
        lambda: derive_operator("forward", 3).steps_for("drift", 1),  # type: ignore[arg-type]
        lambda: derive_operator("forward", 3).step("missing"),
    ],
)
def test_impossible_requests_are_refused(call: object) -> None:
    with pytest.raises(MzError):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_derivations_pickle_and_compare(direction: str) -> None:
    derivation = derive_operator(direction, 4)
    assert pickle.loads(pickle.dumps(derivation)) == derivation == derive_operator(direction, 4)
    assert pickle.loads(pickle.dumps(derivation.equation)) == derivation.equation


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("depth", [None, 1, 6])
def test_every_formula_becomes_mathml(direction: str, depth: int | None) -> None:
    derivation = derive_operator(direction, depth)
    for step in derivation.steps:
        mathml = converter.convert(step.latex())
        assert mathml.startswith("<math") and "merror" not in mathml
    assert "\\Phi" not in sp.latex(derivation.equation) or direction == "backward"
    converter.convert(sp.latex(derivation.equation))


def test_latex_reads_like_the_equation() -> None:
    assert derive_operator().step("split").latex() == "q_{n} = M_{n} q_{n+1}"
    assert derive_operator("forward").step("split").latex() == "p_{n+1} = N_{n} p_{n}"
    latex = derive_operator("backward", 5).latex(3)
    assert "P_{3} q_{3} &= P_{3} M_{3} P_{4} q_{4} + P_{3} M_{3} \\Phi(4,5) P_{5} q_{5}" in latex
    assert latex.count("\\tag{") == 15 and str(variable("n")) in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here; the MathML test covers the formulas")
def test_latex_compiles_and_fits_the_page(tmp_path: Path) -> None:
    parts = [derive_operator(direction, depth).latex() for direction in DIRECTIONS for depth in (None, 1, 30)]
    source = "\\documentclass[a4paper]{article}\n\\usepackage{amsmath}\n\\begin{document}\n%s\n\\end{document}\n"
    (tmp_path / "d.tex").write_text(source % "\n\\newpage\n".join(parts), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Overfull" not in run.stdout


def test_a_very_deep_network_rests_on_the_symbolic_proof() -> None:
    deep = derive_operator("backward", 700)
    assert not deep.written_out and deep.verify() == derive_operator("backward").verify()
    assert deep.steps_for("streaming", 699) == ("split[699]", "insert[699]", "unprojected[699]", "projected[699]")
    assert deep.latex() == derive_operator("backward").latex()
    with pytest.raises(MzError, match="not written out layer by layer"):
        deep.equation_at(3)
