"""Arrays beside a model file: an ``.npz`` read without trusting any of it.

Names, sizes and types are checked from the zip directory and the array headers before any data is unpacked, so that
neither a zip bomb nor a pickled object gets further than an error message.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mzsym.core.arrays import Array
from mzsym.core.errors import MzError
from mzsym.model.files import limits
from mzsym.model.files.cursor import Cursor

_HEADER = re.compile(
    rb"\{'descr': ?'(?P<dtype>[<>|=]?[fiu][1248])', ?'fortran_order': ?(?:True|False), ?"
    rb"'shape': ?\((?P<shape>[0-9, ]{0,200})\),? ?\}\s*"
)
_MAGIC = b"\x93NUMPY"
_HEADER_BYTES = 4096

# What zipfile and numpy raise on damaged input; RuntimeError: an encrypted member.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError, KeyError)


@dataclass(frozen=True)
class Weights:
    """A weights file whose directory has been checked.

    Attributes
    ----------
    path : Path
    source : Cursor
        The key of the model file that names it.
    names : tuple of str
        The arrays that it holds.
    """

    path: Path
    source: Cursor
    names: tuple[str, ...]

    def array(self, name: Cursor) -> Array:
        """One array as float64, finite, exactly as stored.

        Raises
        ------
        MzError
            If there is no such array, or it is damaged, too large, not numeric or not finite.
        """
        key = name.text("the name of an array in the weights file")
        if key not in self.names:
            raise name.error(
                f"{self.path.name} has no array {key[:60]!r}", "It has: " + (", ".join(self.names[:20]) or "none")
            )
        try:
            data = self._member(key, name)
            values = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False, max_header_size=_HEADER_BYTES)
        except _DAMAGE as error:
            raise self._damaged(name, key, error) from None
        array = np.ascontiguousarray(values, dtype=np.float64)
        if values.dtype.kind != "f" and [int(entry) for entry in array.flat] != values.ravel().tolist():
            raise name.error(f"The array {key!r} has integers that are no doubles", "Store it as float64")
        if not np.isfinite(array).all():
            raise name.error(f"The array {key!r} of {self.path.name} contains NaN or infinity", "Repair the weights")
        return array

    def _member(self, key: str, name: Cursor) -> bytes:
        """Bytes of one member, its header judged before the data are unpacked."""
        with zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(f"{key}.npy")
            with archive.open(info) as stream:
                head = stream.read(12)
                long = len(head) == 12 and head[6] >= 2
                size = int.from_bytes(head[8:12] if long else head[8:10], "little")
                if head[:6] != _MAGIC or size > _HEADER_BYTES:
                    raise ValueError("it does not start like an .npy array")
                start = 12 if long else 10
                head += stream.read(size + start - 12)
                match = _HEADER.fullmatch(head[start:])
                if match is None:
                    raise ValueError("it is not a plain numeric array")
                shape = [int(part) for part in match["shape"].split(b",") if part.strip()]
                entries = math.prod(shape)
                if entries > limits.ENTRIES or len(shape) > 2:
                    raise name.error(
                        f"The array {key!r} has shape {tuple(shape)}", "Use a matrix or a vector of weights"
                    )
                expected = entries * int(match["dtype"][-1:])
                data = stream.read(expected + 1)
                if len(data) != expected:
                    raise ValueError(f"{len(data)} of {expected} bytes of data are there")
        return head + data

    def _damaged(self, name: Cursor, key: str, error: BaseException) -> MzError:
        return name.error(
            f"The array {key!r} of {self.path.name} cannot be read ({str(error)[:120]})",
            "The file is damaged or incomplete: write it again with numpy.savez",
        )


def open_weights(folder: Path, source: Cursor) -> Weights:
    """Check a weights file that stands beside the model.

    Parameters
    ----------
    folder : Path
        Folder of the model file.
    source : Cursor
        The key that gives the file's name.

    Raises
    ------
    MzError
        If the name leads out of the folder, or the file is missing, damaged or too large.
    """
    name = source.text('the name of a file such as "weights.npz"')
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\.npz", name) or len(name) > 200:
        raise source.error(
            f"{name[:80]!r} is not the name of an .npz file beside the model",
            'Put the weights next to the model file and give the bare file name, such as "weights.npz"',
        )
    path = folder / name
    if path.is_symlink():
        raise source.error(f"{name!r} is a symbolic link", "Put the weights themselves next to the model file")
    if not path.is_file():
        raise source.error(f"There is no file {name!r} beside the model", "Put the weights next to the model file")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except _DAMAGE as error:
        raise source.error(
            f"{name} is not a readable .npz file ({str(error)[:120]})",
            "It is damaged or incomplete: write it again with numpy.savez",
        ) from None
    if len(members) > 4 * limits.LAYERS:
        raise source.error(f"{name} has {len(members)} members", f"Use at most {4 * limits.LAYERS} arrays")
    total = sum(member.file_size for member in members)
    if total > limits.WEIGHTS_BYTES:
        raise source.error(f"{name} unpacks to {total} bytes", f"Use at most {limits.WEIGHTS_BYTES} bytes of weights")
    names = tuple(member.filename[:-4] for member in members if member.filename.endswith(".npy"))
    return Weights(path, source, names)
