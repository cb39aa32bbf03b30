"""Errors, verdicts, options, symbol names, and the light top level."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sympy as sp

import mzsym as mz
from mzsym.core import MzError, Options, Standing, Verdict, names
from mzsym.core.functions import gelu, leaky_relu, relu, sigmoid, softplus


def test_error_is_one_sentence_each() -> None:
    error = MzError("The scale is 0.", "layer 2", "Give a positive one.")
    assert str(error) == "The scale is 0 [layer 2]. Give a positive one."
    assert (error.what, error.where, error.fix) == ("The scale is 0", "layer 2", "Give a positive one")


@pytest.mark.parametrize(("decision", "truth"), [("proved", True), ("refuted", False), ("undecided", False)])
def test_only_a_proved_verdict_is_true(decision: str, truth: bool) -> None:
    assert bool(Verdict(decision, "why")) is truth  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [0, -1e-3, float("nan"), float("inf"), "1e-8", True])
def test_options_refuse_what_is_not_a_positive_number(bad: object) -> None:
    with pytest.raises(MzError, match="tolerance"):
        Options(tolerance=bad)  # type: ignore[arg-type]


def test_standing_prints_as_its_word() -> None:
    assert f"{Standing.PROVED}" == "proved"


def test_symbols_of_different_quantities_differ_and_print_as_latex() -> None:
    w = sp.Symbol("w", real=True)
    symbols = [
        names.state_symbol(1, 0),
        names.noise_symbol(1, 0),
        names.weight_symbol(1, 0, 1),
        names.weight_symbol(0, 1, 1),
        names.bias_symbol(1, 0),
        names.step_symbol(1),
        names.scale_symbol(1),
        names.scale_symbol(1, 0),
        names.lower_symbol(1, 0),
        names.upper_symbol(1, 0),
        names.local_symbol(1, w),
    ]
    assert len(set(symbols)) == len(symbols)
    printed = [sp.latex(symbol, symbol_names=names.latex_names(symbol)) for symbol in symbols]
    assert len(set(printed)) == len(printed)
    assert printed[0] == "x^{(1)}_{0}" and printed[-1] == "w_{1}"
    assert names.weight_symbol(1, 0, 1) == names.weight_symbol(1, 0, 1)


@pytest.mark.parametrize("head", [sigmoid, softplus, relu, gelu])
def test_heads_print_powers_and_expand_on_request(head: type[sp.Function]) -> None:
    z = sp.Symbol("z", real=True)
    assert "^{2}" in sp.latex(head(z) ** 2)
    assert not head(z).doit().has(head)
    assert head(z).is_real


def test_leaky_relu_derivative_in_its_slope() -> None:
    z, a = sp.symbols("z a", real=True)
    assert leaky_relu(z, a).diff(a).subs(z, -2) == -2


def test_contract_names_are_few_and_resolve() -> None:
    assert len(mz.__all__) <= 40
    for name in mz.__all__:
        assert callable(getattr(mz, name)), name


def test_importing_a_package_does_not_hide_the_function_of_its_name() -> None:
    code = "import mzsym, mzsym.derive, mzsym.report; assert callable(mzsym.derive) and callable(mzsym.report)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light() -> None:
    heavy = ("numba", "matplotlib", "scipy", "sympy", "flint", "sklearn", "autograd", "typer", "jinja2")
    code = f"import sys, mzsym; bad = [m for m in {heavy!r} if m in sys.modules]; assert not bad, bad"
    subprocess.run([sys.executable, "-c", code], check=True)
