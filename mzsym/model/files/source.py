"""A model file as checked plain data: read once, size and nesting judged before the TOML parser sees it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mzsym.core.errors import MzError
from mzsym.model.files import limits
from mzsym.model.files.cursor import Cursor
from mzsym.model.files.positions import scan

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")


def read_text(path: Path) -> str:
    """Text of a regular file of at most the allowed size."""
    name = path.name
    try:
        if not path.exists():
            raise MzError("There is no such file", str(path), "Give the path of a model file, such as model.toml")
        if not path.is_file():
            raise MzError("This is not a regular file", str(path), "Give the path of a model file, such as model.toml")
        with path.open("rb") as stream:
            data = stream.read(limits.FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MzError(
            f"The file cannot be read ({reason})", str(path)[:300], "Check the path and its permissions"
        ) from None
    if len(data) > limits.FILE_BYTES:
        raise MzError(
            f"The model file is larger than {limits.FILE_BYTES} bytes", name, "Keep large weights in an .npz beside it"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MzError("This is not UTF-8 text", f"{name}, line {line}", "Save the file as UTF-8") from None


def parse_toml(text: str, name: str) -> Cursor:
    """Root of a TOML document.

    Parameters
    ----------
    text : str
    name : str
        What to call it in errors.

    Raises
    ------
    MzError
        If it is not TOML, or nests deeper than the limits allow.
    """
    positions = scan(text, name)
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        # ValueError: an integer beyond Python's digit limit, which the scan may have missed in a broken text.
        message = str(error)
        found = _POSITION.search(message)
        line, column = found.groups() if found else (None, None)
        where = name if line is None else f"{name}, line {line}, column {column}"
        what = _POSITION.sub("", message)[:200]
        raise MzError(f"This is not valid TOML: {what}", where, "Correct the syntax there") from None
    except RecursionError:
        raise MzError("The file nests too deeply", name, "Nest less deeply") from None
    return Cursor(value, (), name, positions)


@dataclass(frozen=True)
class Source:
    """An opened model file.

    Attributes
    ----------
    path : Path
    root : Cursor
    """

    path: Path
    root: Cursor

    def relocated(self, error: MzError) -> MzError:
        """The error, pointing into this file if it names a layer, the domain or the observable of the network."""
        if error.where.startswith(self.root.name):
            return error
        # A box that the user stated and that is too small: the fix names it, the place is the layer that leaves it.
        stated = re.search(r"domains\[\d+\]", error.fix) if "leaves the given domain" in error.what else None
        place = self._place(stated[0] if stated else error.where)
        return MzError(error.what, f"{place.where}: {error.where}", error.fix)

    @contextmanager
    def located(self) -> Iterator[None]:
        """Every MzError raised inside points into this file."""
        try:
            yield
        except MzError as error:
            raise self.relocated(error) from None

    def _place(self, where: str) -> Cursor:
        data = self.root.value
        layer = re.match(r"[Ll]ayer (\d+)(, noise)?", where)
        if layer and int(layer[1]) < len(data.get("layers", ())):
            place = self.root.at("layers").at(int(layer[1]))
            return place.at("noise") if layer[2] and place.has("noise") else place
        named = re.search(r"\b(domains|domain|observable|input|shared)(?:=|$|,|\[(\d+)\])", where)
        if named and named[1] in data.get("network", {}):
            place = self.root.at("network").at(named[1])
            return place.at(int(named[2])) if named[2] and int(named[2]) < len(place.value) else place
        return self.root


def open_source(path: str | Path) -> Source:
    """Read a model file as plain data.

    Raises
    ------
    MzError
        If there is no such file, it is too large, not UTF-8 or not TOML, or of an unknown format version.
    """
    path = Path(path)
    root = parse_toml(read_text(path), path.name)
    root.keys(("format", "network", "layers", "projection", "options"))
    version = root.need("format", f"format = {limits.FORMAT} in the first line").integer(0, 10**6)
    if version != limits.FORMAT:
        raise root.at("format").error(
            f"The format version is {version}", f"This mzsym reads version {limits.FORMAT}; use a matching release"
        )
    return Source(path, root)
