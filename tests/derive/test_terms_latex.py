"""LaTeX of terms and equations: it compiles with a stock LaTeX, fits the page, and says what it leaves out."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import latex2mathml.converter
import pytest
import sympy as sp

import mzsym as mz
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.derive.display import NestedStates, readable
from mzsym.derive.equation import Equation
from mzsym.derive.latex_width import width
from mzsym.derive.term_latex import LINE

PREAMBLE = r"\documentclass{article}\usepackage{amsmath,amssymb}\allowdisplaybreaks\begin{document}"

BENT = (("elu", mz.Uniform), ("step", mz.TruncatedGaussian), ("hardtanh", mz.TruncatedGaussian), ("silu", mz.Uniform))


def equations() -> list[Equation]:
    x, w = mz.state(1), sp.Symbol("w", real=True)
    one = [mz.dense([[1.2]], [0.1], activation=a, noise=mz.Uniform(0.3)) for a in ("tanh", "leaky_relu")]
    bent = [mz.dense([[1.2]], [0.1], activation=a, noise=law(0.3)) for a, law in BENT]
    one.append(mz.Layer([sp.exp(-(x[0] ** 2)) * w], state=x, noise=mz.TruncatedGaussian(0.2), params={w: 0.5}))
    W = [[0.9, -0.5], [0.4, 1.1]]
    two = [mz.dense(W, [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.4)) for _ in range(2)]
    y = mz.state(2)
    line = mz.Network(one, domain=mz.Box([(-1, 1)]), observable=[x[0], sp.cos(x[0])])
    plane = mz.Network(two, domain=mz.Box([(-1, 1)] * 2), observable=y[0] * y[1] + sp.cos(y[0]))
    return [
        mz.derive(line, mz.Legendre(2, "lebesgue")),
        mz.derive(plane, mz.Legendre(1)),
        mz.derive(plane, mz.Legendre(3)),
        mz.derive(line, mz.Mean(), direction="forward"),
        mz.derive(mz.Network(bent, domain=mz.Box([(-1, 1)]), observable=x[0]), mz.Legendre(2)),
    ]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [eq.latex() for eq in equations()]


def test_equations_are_balanced_and_say_what_they_hold(documents: list[str]) -> None:
    for text in documents:
        assert text.count(r"\begin{align*}") == text.count(r"\end{align*}")
        assert text.count(r"\left") == text.count(r"\right") and text.count(r"\Bigl") == text.count(r"\Bigr")
        assert text.count("{") == text.count("}") and "Streaming term" in text
        assert "W[" not in text and "lo[" not in text
        assert r"P_{n}" in text
    assert r"W^{(1)}_{00} \neq 0" in documents[0]
    assert r"\langle \tanh \rangle_{S}\left(z\right) &=" in documents[0]
    assert "factored, because" in documents[2]


def test_lines_are_estimated_to_fit(documents: list[str]) -> None:
    for text in documents[:2]:
        bodies = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", text, flags=re.DOTALL)
        rows = [row for body in bodies for row in body.split(" \\\\\n")]
        wide = [row for row in rows if width(row) > LINE + 5]
        # A single factor that cannot be broken may stick out; it must be rare.
        assert len(wide) <= len(rows) // 20


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX installed")
def test_equations_compile(documents: list[str], tmp_path: Path) -> None:
    terms = "\n\n".join(eq.streaming(0).latex() for eq in equations()[:2])
    (tmp_path / "eq.tex").write_text(PREAMBLE + "\n".join(documents) + terms + r"\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "eq.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    overfull = [float(size) for size in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert all(size < 60 for size in overfull), overfull


def test_terms_convert_to_mathml() -> None:
    for eq in equations()[:2]:
        for text in (eq.streaming(0).latex(), eq.memory(0, 2).latex(), eq.noise(0).latex()):
            assert "<math" in latex2mathml.converter.convert(text)


def test_notebook_form_is_the_operator_equation() -> None:
    text = equations()[0]._repr_latex_()
    assert text.startswith("$$") and text.endswith("$$") and "Phi" in text


def test_readable_form_has_the_same_value() -> None:
    eq = equations()[0]
    entry = eq.streaming(1).expr[1, 2]
    view = readable(entry)
    mid, half = sp.Symbol("mid[1,0]", real=True), sp.Symbol("half[1,0]", positive=True)
    assert {mid, half} <= view.atoms(sp.Symbol)
    x, lo, hi = state_symbol(1, 0), lower_symbol(1, 0), upper_symbol(1, 0)
    t = (2 * x - lo - hi) / (hi - lo)
    assert readable(5 * t**2) == 5 * (mid - x) ** 2 / half**2


def test_equal_layers_are_printed_once() -> None:
    layers = [mz.dense([[w]], activation="tanh", noise=mz.Uniform(0.5)) for w in (1.0, 2.0)]
    layers.append(mz.dense([[1.0]], activation="sin", noise=mz.Uniform(0.5)))
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    text = mz.derive(net, mz.Legendre(1)).latex()
    assert "Streaming term $A_{1}$: as $A_{0}$, with all layer indices raised by 1" in text
    assert "Streaming term $A_{2}$ (2" in text and text.count(": as $") == 1


def test_size_limits_are_stated() -> None:
    layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5)) for _ in range(8)]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    eq = mz.derive(net, mz.Legendre(4))
    text = eq.latex()
    assert "Not printed here" in text and r"\verb|noise(7)|" in text
    assert len(text) < 120_000
    assert "not shown" in eq.correlation(0, 2).latex() or eq.correlation(0, 2).factored is not None


@pytest.mark.parametrize(
    "short, long",
    [("x", "x + y"), (r"\frac{x}{y}", "x y z"), ("x^{2}_{1}", "x^{2}_{1} x"), (r"\tanh{x}", r"\tanh{x + y}")],
)
def test_width_orders_formulas(short: str, long: str) -> None:
    assert 0 < width(short) < width(long)


def zwanzig(depth: int) -> mz.Network:
    layer = mz.dense([[0.9, 0.4], [-0.5, 0.7]], [0.1, -0.2], activation="tanh", noise=mz.Uniform(0.5))
    return mz.Network([layer] * depth, domain=mz.Box([(-1, 1)] * 2), observable=mz.state(2)[0])


def test_states_inside_each_other_get_letters_that_stand_for_them():
    term = mz.derive(zwanzig(3), mz.Conditional([0])).memory(0, 3)
    (entry,) = term.expr
    states = NestedStates()
    view = states.named(entry)
    assert view.count_ops() < entry.count_ops() / 2
    names = [letter.name for letter in states.letters.values()]
    assert len(set(names)) == len(names) and "X[1,0]" in names and "X'[2,0]" in names
    # Put back outermost first, the letters give the expression itself.
    for state, letter in reversed(states.letters.items()):
        view = view.xreplace({letter: state})
    assert view == entry


def test_a_term_of_nested_states_keeps_to_its_lines():
    term = mz.derive(zwanzig(3), mz.Conditional([0])).memory(0, 3)
    lines = term.latex().replace(r"\begin{align*}", "").replace(r"\end{align*}", "").split(r"\\")
    assert max(map(width, lines)) < 1.1 * LINE
    assert r"X^{(3)'}_{0} &= " in term.latex()


def test_a_short_term_needs_no_letters():
    term = mz.derive(zwanzig(2), mz.Conditional([0])).streaming(0)
    assert "X^{" not in term.latex()
