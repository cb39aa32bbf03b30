"""Faults put into mzsym on purpose: the harness must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def planted(name: str) -> Iterator[None]:
    """mzsym with a fault: an expression reader that evaluates, a KeyError, a loop without end, ..."""
    if not name:
        yield
        return
    from mzsym.cli.workspace import Workspace
    from mzsym.model.files import cursor, reader

    places: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "eval": (cursor, "parse_expression", _evaluated),
        "key": (reader, "_law", _unknown),
        "loop": (reader, "_law", _endless),
        "memory": (reader, "_law", _greedy),
        "half": (Workspace, "_clean", lambda self: None),
    }
    holder, attribute, fault = places[name]
    original = getattr(holder, attribute)
    setattr(holder, attribute, fault)
    try:
        yield
    finally:
        setattr(holder, attribute, original)


PLANTS = ("eval", "key", "loop", "memory", "half")


def _evaluated(text: str, symbols: Any, where: str) -> Any:
    return eval(text, {}, dict(symbols))  # noqa: S307 - the fault that is planted


def _unknown(entry: Any, symbols: Any) -> Any:
    raise KeyError("law")


def _endless(entry: Any, symbols: Any) -> Any:
    while True:
        pass


def _greedy(entry: Any, symbols: Any) -> Any:
    return bytearray(2**40)
