"""The door from SymPy: what passes, what is refused, equal structures giving equal programs, the passes."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from mzsym.calculus.heads import GaussianMean, UniformMean
from mzsym.codegen import Program, freeze, inspect, interpret, interpret_digits, stages
from mzsym.codegen.emit_numba import NumbaEmitter
from mzsym.codegen.passes import PASSES
from mzsym.core import MzError
from mzsym.core.functions import relu, sigmoid, softplus
from mzsym.core.names import bias_symbol, scale_symbol, state_symbol, weight_symbol

x, y, w, b = sp.symbols("x y w b", real=True)
s = sp.Symbol("s", positive=True)


def operations(program: Program) -> list[str]:
    return [node.op for node in program.nodes]


def layer(n: int) -> Program:
    """A dense layer averaged over its noise, then a polynomial of it, in the symbols of layer n."""
    state = [state_symbol(n, 0), state_symbol(n, 1)]
    weights = [weight_symbol(n, 0, 0), weight_symbol(n, 0, 1)]
    z = weights[0] * state[0] + weights[1] * state[1] + bias_symbol(n, 0)
    mean = UniformMean("tanh", 1, z, scale_symbol(n))
    expr = 3 * mean**2 - state[0] * mean + sp.exp(-state[1]) * (state[0] + state[1])
    return freeze([expr, mean], state, [*weights, bias_symbol(n, 0), scale_symbol(n)])


class TestEqualStructure:
    def test_layers_share_one_program_whatever_their_names_sort_like(self) -> None:
        # x[9,..] and x[10,..], W[9;..] and W[10;..] sort differently as text.
        programs = [layer(n) for n in (0, 1, 9, 10, 11, 99, 100)]
        assert len(set(programs)) == 1
        assert len({program.digest for program in programs}) == 1

    def test_positions_of_two_layers_in_one_expression(self) -> None:
        def two(n: int) -> Program:
            now, after = state_symbol(n, 0), state_symbol(n + 1, 0)
            return freeze([now * sp.sin(after) - after**2 + now], [now, after])

        assert two(8) == two(9) == two(98)

    def test_different_content_gives_different_digests(self) -> None:
        variants = [x + w, x - w, x * w, sp.tanh(x) * w, x + 2 * w, x + w / 3, w - x, x + sp.Float(0.1) * w]
        assert len({freeze([expr], [x], [w]).digest for expr in variants}) == len(variants)
        assert freeze([x], [x], [w]).digest != freeze([x], [x], [w, b]).digest
        assert freeze([x - w], [x], [w]).digest != freeze([x - w], [w], [x]).digest

    def test_the_digest_is_the_same_in_another_process(self) -> None:
        # Hashes of text are salted per process; the digest must not be.
        assert layer(0).digest == layer(3).digest
        assert freeze([x * w + 1], [x], [w]).digest == freeze([1 + w * x], [x], [w]).digest


class TestRefusals:
    def test_unknown_functions_are_named(self) -> None:
        with pytest.raises(MzError, match="besselj"):
            freeze([sp.besselj(0, x)], [x])
        with pytest.raises(MzError, match="mystery"):
            freeze([sp.Function("mystery")(x) + 1], [x])

    def test_integrals_are_refused_with_what_to_do(self) -> None:
        with pytest.raises(MzError, match="explicit Integral") as caught:
            freeze([x + sp.Integral(sp.atan(x + y) ** 3, (y, 0, 1))], [x])
        assert "mzsym.compile" in str(caught.value)

    @pytest.mark.parametrize(
        ("expr", "word"),
        [
            (sp.Derivative(sp.Function("f")(x), x), "Derivative"),
            (sp.I * x, "real"),
            (x + sp.zoo, "zoo|nan"),
            (sp.polylog(3, x), "order 2"),
            (sp.Piecewise((x, x > 0)), "Piecewise"),
            (x ** sp.Integer(2) * sp.Rational(1, 10**2000), "digits"),
            (UniformMean("gelu", 2, x, s), r"gelu\*\*2"),
            (GaussianMean("tanh", 1, x, s), "tanh"),
        ],
    )
    def test_others(self, expr: sp.Expr, word: str) -> None:
        with pytest.raises(MzError, match=word):
            freeze([expr], [x], [s])

    def test_arguments(self) -> None:
        with pytest.raises(MzError, match="neither a point argument nor a parameter"):
            freeze([x + y], [x])
        with pytest.raises(MzError, match="twice"):
            freeze([x], [x], [x])
        with pytest.raises(MzError, match="not a symbol"):
            freeze([x], [x + 1])
        program = freeze([x], [x], [w])
        with pytest.raises(MzError, match="points have shape"):
            interpret(program, np.zeros((3, 2)), [1.0])
        with pytest.raises(MzError, match="parameters have shape"):
            interpret(program, np.zeros((3, 1)), [])


class TestPasses:
    def test_common_subexpressions_of_eight_nested_layers(self) -> None:
        value: sp.Expr = x
        for _ in range(8):
            value = sp.tanh(w * value + b)
        first = value.diff(x)
        program = freeze([value, first, sp.diff(first, x)], [x], [w, b])
        assert operations(program).count("tanh") == 8
        # As a tree the second derivative alone has thousands of operations.
        assert len(program.nodes) < 250

    def test_integer_powers_need_no_pow(self) -> None:
        program = freeze([x**7 + w * x**-3 + (x + w) ** 2, 1 / x, x**-6], [x], [w])
        source = NumbaEmitter("leaves").source(program)
        assert "pow" not in source and "**" not in source
        assert not {"powi", "pow"} & set(operations(program))
        point = np.array([[1.3]])
        assert interpret(program, point, [0.7])[0] == pytest.approx(
            [1.3**7 + 0.7 * 1.3**-3 + 2.0**2, 1 / 1.3, 1.3**-6], rel=1e-15
        )

    def test_powers_share_their_squarings(self) -> None:
        assert operations(freeze([x**8], [x])).count("mul") == 3
        assert operations(freeze([sp.sin(x) ** 6, sp.sin(x) ** 3], [x])).count("mul") == 3

    def test_half_integer_powers_are_square_roots(self) -> None:
        program = freeze([x ** sp.Rational(3, 2) + 1 / sp.sqrt(x), x ** sp.Rational(1, 3)], [x])
        assert operations(program).count("sqrt") == 1
        assert interpret(program, np.array([[4.0]]))[0] == pytest.approx([8.5, 4 ** (1 / 3)])

    def test_horner(self) -> None:
        coefficients = sp.symbols("c0:9")
        polynomial = sum(c * x**i for i, c in enumerate(coefficients))
        program = freeze([polynomial], [x], coefficients)
        assert operations(program).count("mul") == 8
        assert operations(program).count("add") == 8
        even = freeze([sp.legendre(8, sp.tanh(x))], [x])
        assert operations(even).count("mul") <= 5

    def test_horner_nests_in_several_variables(self) -> None:
        expr = sp.expand((x + 2 * y) ** 5)
        program = freeze([expr], [x, y])
        assert operations(program).count("mul") <= 15
        assert interpret(program, np.array([[0.3, -1.1]]))[0, 0] == pytest.approx((0.3 - 2.2) ** 5, rel=1e-13)

    def test_constants_are_rounded_once(self) -> None:
        program = freeze([x * sp.sqrt(2) / sp.sqrt(sp.pi) / 3, sp.erf(sp.Rational(1, 3)) + sp.exp(2)], [x])
        assert operations(program) == ["const", "point", "mul", "const"]
        with mp.workdps(40):
            exact = mp.sqrt(2 / mp.pi) / 3
        assert interpret(program, np.array([[1.0]]))[0, 0] == float(exact)

    def test_parameters_are_computed_once_a_call(self) -> None:
        program = freeze([w * x * b * sp.exp(w) + b + x + w], [x], [w, b])
        fixed = [node.op for node, varies in zip(program.nodes, program.depends_on_point, strict=True) if not varies]
        assert fixed.count("mul") == 1 and fixed.count("exp") == 1 and fixed.count("add") == 1

    def test_divisions_by_parameters_leave_the_loop(self) -> None:
        program = freeze([x / w, (x + 1) / (w * b), 1 / (x + w)], [x], [w, b])
        pairs = zip(program.nodes, program.depends_on_point, strict=True)
        assert [node.op for node, varies in pairs if varies].count("div") == 1
        assert interpret(program, np.array([[2.0]]), [4.0, 8.0])[0].tolist() == [0.5, 3 / 32, 1 / 6]

    def test_literals_round_trip(self) -> None:
        value = 0.1 + 0.2
        assert repr(value) in NumbaEmitter("leaves").source(freeze([x * sp.Float(value) + 1], [x]))
        third = freeze([x + sp.Rational(1, 3)], [x])
        assert float(Fraction(1, 3)).hex() == float(interpret(third, np.array([[0.0]]))[0, 0]).hex()
        # A Float of many digits is the number that it is, rounded once.
        many = freeze([x + sp.Float("0.1000000000000000055511151231257827021181583404541015625001", 60)], [x])
        assert interpret(many, np.array([[0.0]]))[0, 0] == 0.1


class TestStableForms:
    def check(self, expr: sp.Expr, op: str, values: list[float], params: dict[sp.Symbol, float]) -> None:
        """The form is used, and right at 1e-15 where the expression as written is evaluated in many digits."""
        symbols = list(params)
        program = freeze([expr], [x], symbols)
        assert op in operations(program)
        raw = freeze([expr], [x], symbols, passes=())
        got = interpret(program, np.array(values)[:, None], list(params.values()))[:, 0]
        for value, result in zip(values, got, strict=True):
            exact = interpret_digits(raw, [value], list(params.values()), digits=400)[0]
            assert abs(result - exact) <= 4e-15 * abs(exact), (expr, value, result, exact)

    def test_differences_of_log_cosh(self) -> None:
        S = w * s
        raw = (sp.log(sp.cosh(w * x + b + S)) - sp.log(sp.cosh(w * x + b - S))) / (2 * S)
        for half in (1e-9, 0.5, 300.0):
            self.check(raw, "umean", [-600.0, -1.0, 0.3, 20.0, 700.0], {w: 0.75, b: 0.25, s: half})

    def test_the_noise_free_limit_is_part_of_it(self) -> None:
        raw = (sp.log(sp.cosh(x + s)) - sp.log(sp.cosh(x - s))) / (2 * s)
        assert interpret(freeze([raw], [x], [s]), np.array([[0.7]]), [0.0])[0, 0] == pytest.approx(
            math.tanh(0.7), rel=1e-15
        )

    def test_differences_of_softplus_and_of_log_one_plus_exp(self) -> None:
        for head in (softplus, lambda z: sp.log(1 + sp.exp(z))):
            self.check((head(x + s) - head(x - s)) / s, "umean", [-700.0, -3.0, 0.0, 50.0], {s: 1e-6})

    def test_heads_are_the_same_leaf(self) -> None:
        raw = (sp.log(sp.cosh(x + s)) - sp.log(sp.cosh(x - s))) / (2 * s)
        assert freeze([raw], [x], [s]) == freeze([UniformMean("tanh", 1, x, s)], [x], [s])

    def test_unrelated_terms_stay(self) -> None:
        assert "umean" not in operations(freeze([sp.sin(x) - sp.sin(w)], [x], [w]))

    @pytest.mark.parametrize(
        ("expr", "op", "values"),
        [
            (sp.log(sp.cosh(x)), "logcosh", [-800.0, 1e-9, 3.0]),
            (sp.log(1 + sp.exp(x)), "softplus", [-700.0, -1.0, 800.0]),
            (sp.log(1 + x**2), "log1p", [1e-9, 2.0]),
            (1 / (1 + sp.exp(-x)), "sigmoid", [-700.0, 3.0, 800.0]),
            (sp.exp(x) / (1 + sp.exp(x)), "sigmoid", [-700.0, 3.0, 800.0]),
            (sp.exp(x) - 1, "expm1", [1e-12, -40.0, 2.0]),
            (1 - sp.tanh(x) ** 2, "sech2", [-300.0, 1e-3, 40.0]),
            (1 - sigmoid(x), "sigmoid", [700.0, -3.0]),
            ((1 - sp.erf(x)) / 2, "erfc", [20.0, -1.0]),
            (sp.Rational(1, 2) + sp.erf(x) / 2, "erfc", [-20.0, 1.0]),
            (1 - sp.cos(x), "sin", [1e-9, 2.0]),
            (sp.log(sp.exp(x) + sp.exp(2 * x)), "softplus", [-700.0, 700.0, 0.3]),
        ],
    )
    def test_single_forms(self, expr: sp.Expr, op: str, values: list[float]) -> None:
        self.check(expr, op, values, {})


def test_piecewise_max_and_relations() -> None:
    expr = sp.Piecewise((x, sp.And(x > 0, x <= 1)), (sp.Max(x, w, -2), x > 1), (sp.Abs(x) + sp.Heaviside(x), True))
    program = freeze([expr, relu(x), sp.sign(x) * sp.Min(x, 0), sp.floor(x)], [x], [w])
    values = np.array([[-0.5], [0.0], [0.5], [1.0], [3.0]])
    expected = [[0.5, 0, 0.5, -1], [0.5, 0, 0, 0], [0.5, 0.5, 0, 0], [1, 1, 0, 1], [5.0, 3, 0, 3]]
    assert interpret(program, values, [5.0]).tolist() == expected


def test_reciprocal_functions() -> None:
    expr = sp.coth(x) + 2 * sp.sech(x) - sp.csch(x) + sp.cot(x) * sp.sec(x) + sp.csc(x)
    value = interpret(freeze([expr], [x]), np.array([[0.7]]))[0, 0]
    assert value == pytest.approx(float(expr.subs(x, sp.Rational(7, 10)).evalf(30)), rel=1e-15)


def test_inspection_prints_every_stage() -> None:
    text = stages([x**2 + sp.log(1 + sp.exp(w * x))], [x], [w])
    for one in PASSES:
        assert f"# after {one.__name__}" in text
    assert "softplus" in inspect(freeze([softplus(x)], [x]))


def test_the_raw_program_runs_as_well() -> None:
    expr = w * x**3 - x**-2
    raw = freeze([expr], [x], [w], passes=())
    assert float(interpret_digits(raw, [2], [3])[0]) == 23.75
