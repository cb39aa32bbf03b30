"""Unevaluated noise averages of powers of a primitive, E[g(z + noise)**k].

As one symbol they stay exact, differentiate exactly and evaluate to any number of digits where the textbook formula,
a difference of antiderivatives divided by 2S, cancels; ``.doit()`` gives that formula and LaTeX prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mpmath as mp
import sympy as sp
from sympy.core.symbol import Str

from mzsym.calculus.cells import ANTIDERIVATIVE, GAUSSIAN, GaussianCell
from mzsym.calculus.digits import argument, settle, value
from mzsym.calculus.laplace import LAPLACE
from mzsym.calculus.special import normal_density
from mzsym.core.primitives import PRIMITIVES

_U = sp.Dummy("u", real=True)
_Z = sp.Dummy("z", real=True)
_S = sp.Dummy("s", positive=True)
_T = sp.Dummy("t", real=True)
_ODD = frozenset({"identity", "tanh", "erf", "sin", "arctan", "hardtanh"})
_STARTING_GUARD = 64


class NoiseMean(sp.Function):
    """Base of the heads; arguments (Str name, k, z, scale, *parameters).

    Laws of a subclass: at scale 0 it is g(z)**k; ``closed_form`` is None exactly where the table has no cell.
    """

    is_commutative = True

    def __new__(cls, name: Any, k: Any, z: Any, scale: Any, *parameters: Any, **options: Any) -> sp.Expr:
        # SymPy would read a bare string as an expression.
        head = Str(name) if isinstance(name, str) else name
        return super().__new__(cls, head, k, z, scale, *parameters, **options)

    @classmethod
    def eval(cls, name: Str, k: sp.Expr, z: sp.Expr, scale: sp.Expr, *parameters: sp.Expr) -> sp.Expr | None:
        if k.is_zero:
            return sp.S.One
        if scale.is_zero:
            return PRIMITIVES[name.name].expr(z, *parameters) ** k
        return None

    @property
    def primitive(self) -> str:
        """Name of g in the primitive table."""
        return str(self.args[0].name)

    @property
    def power(self) -> int:
        """The exponent k."""
        return int(self.args[1])

    @property
    def z(self) -> sp.Expr:
        """Centre of the argument of g."""
        return self.args[2]

    @property
    def scale(self) -> sp.Expr:
        """Half-width S or standard deviation s of the argument of g."""
        return self.args[3]

    @property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """Parameters of g, such as a slope."""
        return tuple(self.args[4:])

    def integrand(self, argument: sp.Expr) -> sp.Expr:
        """g(argument)**k."""
        return PRIMITIVES[self.primitive].expr(argument, *self.parameters) ** self.power

    def with_argument(self, z: sp.Expr) -> sp.Expr:
        """The same average about another centre."""
        return self.func(self.args[0], self.args[1], z, *self.args[3:])

    def closed_form(self) -> sp.Expr | None:
        """The textbook formula, or None where there is none."""
        raise NotImplementedError

    def as_integral(self) -> sp.Expr:
        """The average as an explicit integral over the standardised noise."""
        raise NotImplementedError

    def doit(self, **hints: Any) -> sp.Expr:
        if hints.get("deep", True):
            args = [arg.doit(**hints) for arg in self.args[2:]]
            rebuilt = self.func(*self.args[:2], *args)
            if not isinstance(rebuilt, NoiseMean):
                return rebuilt.doit(**hints)
        else:
            rebuilt = self
        form = rebuilt.closed_form()
        if form is None:
            return rebuilt.as_integral()
        return form.doit() if hints.get("deep", True) else form

    def _eval_is_real(self) -> bool | None:
        return all(arg.is_extended_real for arg in self.args[2:]) or None

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        # SymPy's own loop would try to differentiate the name.
        terms = []
        for index, arg in enumerate(self.args[2:], start=3):
            inner = arg.diff(s)
            if not inner.is_zero:
                terms.append(self.fdiff(index) * inner)
        return sp.Add(*terms)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        if self.free_symbols:
            rest = [arg._eval_evalf(prec) if not arg.is_Number else arg for arg in self.args[2:]]
            return self.func(*self.args[:2], *(a if b is None else b for a, b in zip(self.args[2:], rest, strict=True)))
        result = self._number(prec)
        return None if result is None else sp.Float._new(result._mpf_, prec)

    def _number(self, prec: int) -> Any:
        """The average to ``prec`` bits as an mpmath number."""
        with mp.workprec(prec + _STARTING_GUARD):
            numbers = [argument(arg) for arg in self.args[2:]]
        if any(number is None for number in numbers):
            return None
        if numbers[0] == 0 and self.primitive in _ODD and self.power % 2 and self.args[2].is_zero:
            return mp.mpf(0)
        # About log2(1/scale) bits cancel, and as many again where the power itself is small.
        lost = max(0, -mp.mag(numbers[1])) if numbers[1] != 0 else 0
        return settle(self._compute, prec, prec + _STARTING_GUARD + 2 * lost)

    def _compute(self) -> tuple[Any, Any]:
        """The average in mpmath's current precision, and the size of what was added up."""
        raise NotImplementedError

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        form = self.closed_form()
        body = printer._print(self.as_integral() if form is None else form)
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


class UniformMean(NoiseMean):
    """E[g(z + S U)**k] for U uniform on (-1, 1): [G(z + S) - G(z - S)]/(2S) with G' = g**k. MATH (18).

    Parameters
    ----------
    name : str or Str
        Primitive g.
    k : Integer
        Power.
    z, S : Expr
        Centre and half-width of the argument of g.
    *parameters : Expr
        Parameters of g.

    Examples
    --------
    >>> z, S = sp.symbols("z S", real=True)
    >>> UniformMean("exp", 1, z, S).doit()
    (-exp(-S + z) + exp(S + z))/(2*S)
    >>> UniformMean("tanh", 1, 1, sp.Rational(1, 10**12)).evalf(25)
    0.7615941559557648881194582
    """

    def closed_form(self) -> sp.Expr | None:
        cell = ANTIDERIVATIVE[self.primitive]
        if not cell.closes(self.power):
            return None
        upper, lower = (cell.form(self.power, end, *self.parameters) for end in self._ends())
        return (upper - lower) / (2 * self.scale)

    def as_integral(self) -> sp.Expr:
        u = sp.Dummy("u", real=True)
        return sp.Integral(self.integrand(self.z + self.scale * u), (u, -1, 1)) / 2

    def _ends(self) -> tuple[sp.Expr, sp.Expr]:
        return self.z + self.scale, self.z - self.scale

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        upper, lower = (self.integrand(end) for end in self._ends())
        if argindex == 3:
            return (upper - lower) / (2 * self.scale)
        if argindex == 4:
            return ((upper + lower) / 2 - self) / self.scale
        if argindex == 5 and self.primitive == "leaky_relu":
            slope, k = self.parameters[0], self.power
            return k * (-1) ** k * slope ** (k - 1) * UniformMean("relu", k, -self.z, self.scale)
        raise sp.function.ArgumentIndexError(self, argindex)

    def _compute(self) -> tuple[Any, Any]:
        z, scale, *parameters = (argument(arg) for arg in self.args[2:])
        cell = ANTIDERIVATIVE[self.primitive]
        symbols = [sp.Dummy(real=True) for _ in parameters]
        bound = dict(zip(symbols, parameters, strict=True))
        if not cell.closes(self.power):
            g = PRIMITIVES[self.primitive].expr(_U, *symbols)
            mean = mp.quad(lambda u: value(g, {**bound, _U: z + scale * u})[0] ** self.power, _pieces(z, scale)) / 2
            return mean, abs(mean)
        form = cell.form(self.power, _U, *symbols)
        upper, lower = (value(form, {**bound, _U: end}) for end in (z + scale, z - scale))
        return (upper[0] - lower[0]) / (2 * scale), (upper[1] + lower[1]) / abs(2 * scale)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        cell = ANTIDERIVATIVE[self.primitive]
        if not cell.closes(self.power):
            return super()._latex(printer, exp)
        # The antiderivative once, between its limits: readable where the centre is long.
        taken = {symbol.name for symbol in self.free_symbols}
        u = sp.Symbol(next(letter for letter in ("u", "v", "t", "r", r"\upsilon") if letter not in taken), real=True)
        form = printer._print(cell.form(self.power, u, *self.parameters))
        upper, lower = (printer._print(end) for end in self._ends())
        length = printer._print(2 * self.scale)
        body = rf"\frac{{1}}{{{length}}}\left[{form}\right]_{{{u.name}={lower}}}^{{{u.name}={upper}}}"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


class LineMean(NoiseMean):
    """Base of the averages over noise on the whole line; a subclass states its table, its density and its reach."""

    cells: ClassVar[Mapping[str, GaussianCell]]

    @staticmethod
    def weight(t: sp.Expr) -> sp.Expr:
        """Density of the standardised noise."""
        raise NotImplementedError

    @staticmethod
    def pieces() -> list[Any]:
        """Points that cut the line for a quadrature in mpmath's precision, the first and last far in the tails."""
        raise NotImplementedError

    def closed_form(self) -> sp.Expr | None:
        cell = self.cells[self.primitive]
        return cell.form(self.power, self.z, self.scale, *self.parameters) if cell.closes(self.power) else None

    def as_integral(self) -> sp.Expr:
        t = sp.Dummy("t", real=True)
        return sp.Integral(self.integrand(self.z + self.scale * t) * self.weight(t), (t, -sp.oo, sp.oo))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex == 5 and self.primitive == "leaky_relu":
            slope, k = self.parameters[0], self.power
            return k * (-1) ** k * slope ** (k - 1) * self.func("relu", k, -self.z, self.scale)
        if argindex not in (3, 4):
            raise sp.function.ArgumentIndexError(self, argindex)
        cell = self.cells[self.primitive]
        symbol = _Z if argindex == 3 else _S
        if cell.closes(self.power):
            form = cell.form(self.power, _Z, _S, *self.parameters).diff(symbol)
            return form.xreplace({_Z: self.z, _S: self.scale})
        t = sp.Dummy("t", real=True)
        inner = PRIMITIVES[self.primitive].expr(_Z, *self.parameters) ** self.power
        slope_of_power = inner.diff(_Z).xreplace({_Z: self.z + self.scale * t})
        weight = self.weight(t) * (sp.S.One if argindex == 3 else t)
        return sp.Integral(slope_of_power * weight, (t, -sp.oo, sp.oo))

    def _compute(self) -> tuple[Any, Any]:
        z, scale, *parameters = (argument(arg) for arg in self.args[2:])
        symbols = [sp.Dummy(real=True) for _ in parameters]
        bound = dict(zip(symbols, parameters, strict=True))
        cell = self.cells[self.primitive]
        if cell.closes(self.power):
            return value(cell.form(self.power, _Z, _S, *symbols), {**bound, _Z: z, _S: abs(scale)})
        g = PRIMITIVES[self.primitive].expr(_U, *symbols)
        # Kinks and steep parts get their own pieces.
        pieces = self.pieces()
        pieces = sorted({*pieces, *_inside(-z / scale, pieces[-1])})
        power, weight = self.power, self.weight(_T)

        def weighted(t: Any) -> Any:
            return value(g, {**bound, _U: z + scale * t})[0] ** power * value(weight, {_T: t})[0]

        mean = mp.quad(weighted, pieces)
        return mean, abs(mean)


class GaussianMean(LineMean):
    """E[g(z + s Z)**k] for Z standard normal. MATH (19).

    Parameters
    ----------
    name : str or Str
        Primitive g.
    k : Integer
        Power.
    z, s : Expr
        Mean and standard deviation of the argument of g.
    *parameters : Expr
        Parameters of g.

    Examples
    --------
    >>> z, s = sp.symbols("z s", positive=True)
    >>> GaussianMean("erf", 1, z, s).doit()
    erf(z/sqrt(2*s**2 + 1))
    """

    cells = GAUSSIAN

    @staticmethod
    def weight(t: sp.Expr) -> sp.Expr:
        return normal_density(t).doit()

    @staticmethod
    def pieces() -> list[Any]:
        # exp(-t^2/2) cuts the tails below the working precision.
        reach = mp.sqrt(2 * mp.log(2) * (mp.mp.prec + 40)) + 1
        return [-reach, -reach / 4, mp.mpf(0), reach / 4, reach]


class LaplaceMean(LineMean):
    """E[g(z + s L)**k] for L of density exp(-|t|)/2. MATH (19).

    Parameters
    ----------
    name : str or Str
        Primitive g.
    k : Integer
        Power.
    z, s : Expr
        Mean and scale of the argument of g. For ``exp`` the average is infinite where k s >= 1.
    *parameters : Expr
        Parameters of g.

    Examples
    --------
    >>> z, s = sp.symbols("z s", positive=True)
    >>> LaplaceMean("sin", 1, z, s).doit()
    sin(z)/(s**2 + 1)
    """

    cells = LAPLACE

    @classmethod
    def eval(cls, name: Str, k: sp.Expr, z: sp.Expr, scale: sp.Expr, *parameters: sp.Expr) -> sp.Expr | None:
        if name.name == "exp" and (k * scale >= 1) == True:  # noqa: E712 - a relation of SymPy
            return sp.oo
        return super().eval(name, k, z, scale, *parameters)

    @staticmethod
    def weight(t: sp.Expr) -> sp.Expr:
        return sp.exp(-sp.Abs(t)) / 2

    @staticmethod
    def pieces() -> list[Any]:
        reach = mp.log(2) * (mp.mp.prec + 40)
        return [-reach, -reach / 8, mp.mpf(0), reach / 8, reach]


def _inside(point: Any, reach: Any) -> tuple[Any, ...]:
    return (point,) if abs(point) < reach else ()


def _pieces(z: Any, scale: Any) -> list[Any]:
    """[-1, 1] cut where the argument is 0 and around it, where the primitives bend."""
    points = {mp.mpf(-1), mp.mpf(1)}
    for level in (-30, -6, 0, 6, 30):
        points.update(_inside((level - z) / scale, 1))
    return sorted(points)
