"""Weights files that nobody should trust."""

from __future__ import annotations

import io
import struct
import zipfile
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.mutate import MARKER, scrambled

_GOOD = {
    "W1": np.array([[0.5]]),
    "b1": np.array([0.1]),
    "W2": np.array([[0.5, -0.25], [0.125, 1.0]]),
    "b2": np.array([0.0, 0.5]),
    "X0": np.array([[0.1], [-0.2], [0.3]]),
}


class Opened:
    """Its pickle runs a command where it is loaded."""

    def __reduce__(self) -> Any:
        return __import__("os").system, (f"echo {MARKER}",)


def good() -> bytes:
    """A weights file as it should be."""
    stream = io.BytesIO()
    np.savez(stream, **_GOOD)  # type: ignore[arg-type]
    return stream.getvalue()


def hostile_weights(rng: Random) -> bytes:
    """A weights file that is damaged, oversized, of the wrong types, or a trap."""
    kind = rng.randint(0, 7)
    if kind <= 2:
        return scrambled(rng, good())
    arrays: dict[str, Any] = dict(_GOOD)
    name = rng.choice(sorted(arrays))
    if kind == 3:
        return _object_array(name)
    if kind == 4:
        arrays[name] = rng.choice(_ODD)
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()
    if kind == 5:
        return _claimed(rng, name)
    if kind == 6:
        return _bomb(name)
    return rng.choice([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", bytes(1000), good()[: rng.randint(0, 1000)]])


_ODD = [
    np.array([[float("nan")]]),
    np.array([float("inf")]),
    np.array([[1 + 2j]]),
    np.array([["a"]]),
    np.array([[True]]),
    np.zeros((0, 0)),
    np.zeros((1, 1, 1, 1)),
    np.array(3.0),
    np.array([[2**63 - 1]]),
    np.zeros((3000, 2)),
    np.array([[1]], dtype=">i2"),
    np.array([[1.0]], dtype=np.float16),
    np.array([[1.0]], dtype=np.longdouble),
    np.array([(1.0, 2)], dtype=[("a", float), ("b", int)]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
]


def _zip(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", data)
        for other in _GOOD:
            if other != name:
                plain = io.BytesIO()
                np.save(plain, _GOOD[other])
                archive.writestr(f"{other}.npy", plain.getvalue())
    return stream.getvalue()


def _object_array(name: str) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[Opened()]], dtype=object), allow_pickle=True)
    return _zip(name, stream.getvalue())


def _claimed(rng: Random, name: str) -> bytes:
    """An array whose header claims another shape, type or length than there is, or is code."""
    header = rng.choice(
        [
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000,), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 1), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'more': " + "[" * 2000 + "]" * 2000 + "}",
            f"__import__('os').system('echo {MARKER}')",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1, " * 5000 + "), }",
            "{'descr': '<V1000000000', 'fortran_order': False, 'shape': (1, 1), }",
        ]
    ).encode()
    version, length = (b"\x01\x00", struct.pack("<H", min(len(header), 65535)))
    if rng.random() < 0.3:
        version, length = (b"\x02\x00", struct.pack("<I", rng.choice([len(header), 2**32 - 1])))
    return _zip(name, b"\x93NUMPY" + version + length + header + bytes(64))


def _bomb(name: str) -> bytes:
    """Two hundred megabytes of zeros that take two hundred kilobytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (25_000_000, 1)})
    return _zip(name, head.getvalue() + bytes(200_000_000)) if name == "W1" else _zip(name, bytes(50_000_000))
