"""Where each key of a TOML text stands, and how deeply the text nests.

``tomllib`` gives values without positions and recurses on nested brackets. This scanner walks the text once, without
recursion, and records the line of every key and array element; it refuses nesting beyond the limit before the real
parser sees the text. It does not judge syntax: where it cannot follow, it stops, and ``tomllib`` says what is wrong.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field

from mzsym.core.errors import MzError
from mzsym.model.files import limits

Path = tuple[str | int, ...]


def path_text(path: Path) -> str:
    """Key path as a reader would write it.

    >>> path_text(("layers", 1, "noise", "half_width"))
    'layers[1].noise.half_width'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part) is not None
            text += ("." if text else "") + (part if bare else json.dumps(part)[:60])
    return text


@dataclass(frozen=True)
class Positions:
    """Lines (from 1) of the key paths of one text."""

    lines: dict[Path, int]

    def line(self, path: Path) -> int | None:
        """Line of a path, or of the closest part of it that stands in the text."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return None


def scan(text: str, name: str) -> Positions:
    """Positions of all keys.

    Parameters
    ----------
    text : str
        A TOML document.
    name : str
        What to call it in errors.

    Raises
    ------
    MzError
        If brackets or dotted keys nest deeper than the limit, or an unquoted value is longer than the limit.

    Examples
    --------
    >>> found = scan("a = 1\\n[[layers]]\\nnoise = {law = 'uniform'}\\n", "model.toml")
    >>> found.line(("layers", 0, "noise", "law"))
    3
    """
    return Positions(_Scanner(text, name).run())


class _Lost(Exception):
    """The text is not TOML from here on."""


@dataclass
class _Frame:
    """An open bracket: its closing character, its path and, in arrays, the index of the current element."""

    close: str
    path: Path
    index: int = 0


@dataclass
class _Scanner:
    text: str
    name: str
    at: int = 0
    counted: int = 0
    line: int = 1
    lines: dict[Path, int] = field(default_factory=dict)
    tables: dict[Path, int] = field(default_factory=dict)

    _BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
    _BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
    _BARE_VALUE = re.compile(r"[^\s,\]}\[{#\"']+(?: [0-9][^\s,\]}\[{#\"']*)?")
    _STRINGS = (
        re.compile(r'"""(?:[^\\"]|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL),
        re.compile(r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL),
        re.compile(r'"(?:[^"\\\n]|\\.)*"'),
        re.compile(r"'[^'\n]*'"),
    )

    def run(self) -> dict[Path, int]:
        try:
            current: Path = ()
            while self._skip():
                if self.text[self.at] == "[":
                    current = self._header()
                else:
                    self._statement(current)
        except _Lost:
            pass
        return self.lines

    def _skip(self) -> bool:
        """Past blanks and comments; False at the end."""
        match = self._BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at < len(self.text)

    def _here(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def _refuse(self, what: str, fix: str) -> MzError:
        return MzError(what, f"{self.name}, line {self._here()}", fix)

    def _record(self, base: Path, keys: tuple[str, ...]) -> Path:
        line = self._here()
        for length in range(1, len(keys) + 1):
            self.lines.setdefault(base + keys[:length], line)
        return base + keys

    def _take(self, literal: str) -> None:
        if not self.text.startswith(literal, self.at):
            raise _Lost
        self.at += len(literal)

    def _string(self) -> str:
        for pattern in self._STRINGS:
            match = pattern.match(self.text, self.at)
            if match is not None:
                self.at = match.end()
                return match[0]
        raise _Lost

    def _key(self) -> tuple[str, ...]:
        """A dotted key."""
        parts: list[str] = []
        while self._skip():
            bare = self._BARE_KEY.match(self.text, self.at)
            if bare is not None:
                parts.append(bare[0])
                self.at = bare.end()
            else:
                quoted = self._string()
                parts.append(_unquoted(quoted))
            if len(parts) > limits.NESTING:
                raise self._refuse(f"A key has more than {limits.NESTING} parts", "Nest less deeply")
            self._skip()
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1
        raise _Lost

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """Keys of a header with the index of the current element after every array of tables."""
        path: Path = ()
        for key in keys:
            path += (key,)
            if path in self.tables:
                path += (self.tables[path],)
        return path

    def _header(self) -> Path:
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        line = self._here()
        keys = self._key()
        self._take("]]" if double else "]")
        if double:
            base = (*self._resolve(keys[:-1]), keys[-1])
            self.tables[base] = self.tables.get(base, -1) + 1
            path: Path = (*base, self.tables[base])
            self.lines.setdefault(base, line)
        else:
            path = self._resolve(keys)
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
        return path

    def _statement(self, current: Path) -> None:
        start = self.at
        path = self._record(current, self._key())
        self._take("=")
        self._value(path)
        if self.at == start:
            raise _Lost

    def _value(self, path: Path) -> None:
        """A value of any depth, with an explicit stack."""
        stack: list[_Frame] = []
        while True:
            if not self._skip():
                raise _Lost
            character = self.text[self.at]
            if stack and character == stack[-1].close:
                self.at += 1
                stack.pop()
            elif character in "[{":
                self.at += 1
                stack.append(_Frame("]" if character == "[" else "}", path))
                if len(stack) > limits.NESTING:
                    raise self._refuse(f"Brackets nest deeper than {limits.NESTING}", "Nest less deeply")
                path = self._element(stack[-1])
                continue
            else:
                self._scalar()
            # A value is complete: close, continue after a comma, or end.
            while stack and self._skip() and self.text[self.at] == stack[-1].close:
                self.at += 1
                stack.pop()
            if not stack:
                return
            self._skip()
            self._take(",")
            stack[-1].index += 1
            path = self._element(stack[-1])

    def _element(self, frame: _Frame) -> Path:
        """Path of the next element of an array or inline table; positions the scanner at its value."""
        self._skip()
        if self.text.startswith(frame.close, self.at):
            return frame.path
        if frame.close == "]":
            path: Path = (*frame.path, frame.index)
            # Only where the line changes: a long row of weights costs nothing, `line` falls back on its array.
            if self._here() != self.lines.get(frame.path):
                self.lines[path] = self.line
            return path
        path = self._record(frame.path, self._key())
        self._take("=")
        return path

    def _scalar(self) -> None:
        if self.text[self.at] in "\"'":
            self._string()
            return
        match = self._BARE_VALUE.match(self.text, self.at)
        if match is None:
            raise _Lost
        if len(match[0]) > limits.BARE_TOKEN:
            raise self._refuse(
                f"A value has {len(match[0])} characters", f"Write numbers with at most {limits.BARE_TOKEN}"
            )
        self.at = match.end()


def _unquoted(text: str) -> str:
    """Content of a quoted key."""
    try:
        (key,) = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        raise _Lost from None
    return key
