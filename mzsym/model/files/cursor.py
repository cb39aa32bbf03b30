"""Typed, position-aware access to the plain data of a model file; every refusal names file, line and key."""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import sympy as sp

from mzsym.core.errors import MzError
from mzsym.model.files import limits
from mzsym.model.files.grammar import parse_expression
from mzsym.model.files.positions import Path, Positions, path_text

Number: TypeAlias = int | float | Fraction

_RATIONAL = re.compile(r"[+-]?[0-9]+(?:/[0-9]+)?")


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "an integer",
        float: "a float",
        str: "a string",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), f"a {type(value).__name__}")


@dataclass(frozen=True)
class Cursor:
    """One value of the file, with its key path.

    Attributes
    ----------
    value
        What ``tomllib`` read.
    path : tuple
        Keys and indices that lead to it.
    name : str
        Name of the file, for errors.
    positions : Positions
    """

    value: Any
    path: Path
    name: str
    positions: Positions

    # -- errors ------------------------------------------------------------------------------------------------

    @property
    def where(self) -> str:
        """For example ``model.toml, line 12, layers[1].noise.half_width``."""
        line = self.positions.line(self.path)
        parts = [self.name]
        if line is not None:
            parts.append(f"line {line}")
        if self.path:
            parts.append(path_text(self.path))
        return ", ".join(parts)

    def error(self, what: str, fix: str) -> MzError:
        return MzError(what, self.where, fix)

    def wrong_type(self, wanted: str) -> MzError:
        return self.error(f"This is {_kind(self.value)}, not {wanted}", f"Give {wanted}")

    # -- structure ---------------------------------------------------------------------------------------------

    def at(self, key: str | int) -> Cursor:
        """The entry under a key that is known to exist."""
        return Cursor(self.value[key], (*self.path, key), self.name, self.positions)

    def keys(self, known: Iterable[str]) -> None:
        """Refuse a value that is no table, and keys that are not known."""
        if not isinstance(self.value, dict):
            raise self.wrong_type("a table")
        known = tuple(known)
        for key in self.value:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"Did you mean {close[0]!r}? " if close else ""
                raise self.at(key).error(f"The key {key[:60]!r} is unknown", f"{hint}Known here: {', '.join(known)}")

    def has(self, key: str) -> bool:
        return key in self.value

    def get(self, key: str) -> Cursor | None:
        return self.at(key) if key in self.value else None

    def need(self, key: str, example: str) -> Cursor:
        """The entry under a key, or an error that shows how to write it."""
        if key not in self.value:
            raise self.error(f"The key {key!r} is missing", f"Write for example {example}")
        return self.at(key)

    def items(self) -> Iterator[tuple[str, Cursor]]:
        """Entries of a table."""
        if not isinstance(self.value, dict):
            raise self.wrong_type("a table")
        for key in self.value:
            yield key, self.at(key)

    def elements(self, wanted: str = "an array", most: int = limits.ENTRIES) -> list[Cursor]:
        """Entries of an array that is not empty."""
        if not isinstance(self.value, list):
            raise self.wrong_type(wanted)
        if not self.value:
            raise self.error("This array is empty", f"Give {wanted}")
        if len(self.value) > most:
            raise self.error(f"This array has {len(self.value)} entries", f"Use at most {most}")
        return [self.at(index) for index in range(len(self.value))]

    # -- scalars -----------------------------------------------------------------------------------------------

    def text(self, wanted: str = "a string") -> str:
        if not isinstance(self.value, str):
            raise self.wrong_type(wanted)
        return self.value

    def choice(self, options: Iterable[str]) -> str:
        """A string out of a few."""
        options = tuple(options)
        text = self.text("one of " + ", ".join(options))
        if text not in options:
            close = difflib.get_close_matches(text, options, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise self.error(f"{text[:60]!r} is not known here", f"{hint}Use one of: {', '.join(options)}")
        return text

    def integer(self, least: int, most: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong_type("an integer")
        if not least <= self.value <= most:
            raise self.error(f"{_short(self.value)} is out of range", f"Use an integer from {least} to {most}")
        return self.value

    def number(self) -> Number:
        """An int, a finite float, or an exact rational written as a string such as ``"1/3"``."""
        value = self.value
        if isinstance(value, str):
            if len(value) > 2 * limits.DIGITS or _RATIONAL.fullmatch(value) is None:
                raise self.error(f"{value[:60]!r} is not a number", 'Write 0.5, 2 or an exact rational such as "1/3"')
            top, _, bottom = value.partition("/")
            if bottom and not int(bottom):
                raise self.error(f"{value[:60]!r} divides by zero", "Give a non-zero denominator")
            return self._bounded(Fraction(int(top), int(bottom or 1)))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong_type('a number (or an exact rational such as "1/3")')
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(f"This number is {value}", "Give a finite number")
        return self._bounded(value)

    def _bounded(self, value: Number) -> Number:
        if not -sys.float_info.max <= value <= sys.float_info.max:
            raise self.error(f"{_short(value)} is beyond the range of float64", "Rescale the model")
        return value

    def number_or_expression(self, symbols: Mapping[str, sp.Symbol]) -> Number | sp.Expr:
        """A number, or a string in the grammar that uses some of the symbols."""
        if isinstance(self.value, str) and _RATIONAL.fullmatch(self.value) is None:
            return self.expression(symbols)
        return self.number()

    def expression(self, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
        """A string in the grammar."""
        return parse_expression(self.text('an expression such as "tanh(x0)"'), symbols, self.where)


def _short(value: Number) -> str:
    if isinstance(value, float):
        return repr(value)
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    return str(value) if bits < 200 else f"A number of {bits} bits"
