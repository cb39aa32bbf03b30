"""The parts of a C package that are the same for everything: Makefile, header guards, checks, wrappers."""

from __future__ import annotations

from mzsym.export.words import comment

MAKEFILE = """\
# make: the library; make test: compares with stored values; make example; make sanitize: test under the sanitizers.
# CFLAGS="-O3 -march=native" tunes it to this machine. Never -ffast-math: the functions need IEEE arithmetic.
CC ?= cc
CFLAGS ?= -O3
STRICT = -std=c99 -Wall -Wextra -Werror -pedantic -ffp-contract=off -fPIC
SOURCES = {sources}

all: lib{name}.so lib{name}.a

lib{name}.so: $(SOURCES) {name}.h
\t$(CC) $(CFLAGS) $(STRICT) -shared $(SOURCES) -o $@ -lm

lib{name}.a: $(SOURCES) {name}.h
\t$(CC) $(CFLAGS) $(STRICT) -c $(SOURCES)
\tar rcs $@ $(SOURCES:.c=.o)
\trm -f $(SOURCES:.c=.o)

example: main.c $(SOURCES) {name}.h
\t$(CC) $(CFLAGS) $(STRICT) main.c $(SOURCES) -o $@ -lm
\t./example

test: test.c $(SOURCES) {name}.h
\t$(CC) $(CFLAGS) $(STRICT) test.c $(SOURCES) -o test_{name} -lm
\t./test_{name}

sanitize: test.c $(SOURCES) {name}.h
\t$(CC) -g -O1 $(STRICT) -fsanitize=address,undefined -fno-sanitize-recover test.c $(SOURCES) -o test_{name} -lm
\t./test_{name}

clean:
\trm -f lib{name}.so lib{name}.a example test_{name} *.o

.PHONY: all test sanitize clean
"""

CHECKS = """\
static int failures = 0;

static void check(const char *what, double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-12 * (1.0 + fabs(wanted)))) {
        printf("FAILED %s: %.17g, wanted %.17g\\n", what, found, wanted);
        failures++;
    }
}
"""

_LIBRARY = """\
from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

_double_p = ctypes.POINTER(ctypes.c_double)
_library = ctypes.CDLL(str(Path(__file__).resolve().parent / "lib{name}.so"))


def _address(array):
    return array.ctypes.data_as(_double_p)
"""

WRAPPER = (
    '''"""{about}

The compiled package as Python functions; needs numpy, and `make` beforehand.
"""

'''
    + _LIBRARY
    + '''

DEPTH = {depth}
RANKS = {ranks}
OUTPUTS = {outputs}
SEVERAL = {several}
FORWARD = {forward}


def _table(kind, indices, shape):
    function = getattr(_library, f"{name}_{{kind}}")
    function.restype = _double_p
    found = function(*indices)
    if not found:
        raise IndexError(f"there is no {{kind}} term at {{indices}}")
    return np.ctypeslib.as_array(found, shape=shape).copy()


def _vector(kind, n, rank):
    values = _table(kind, (n,), (rank, 1 if FORWARD else OUTPUTS))
    return values if SEVERAL and not FORWARD else values[:, 0]


def _rank(n):
    if not 0 <= n <= DEPTH:
        raise IndexError(f"there is no layer {{n}}")
    return RANKS[n]


def streaming(n):
    """A_n, shape (d_n, d_(n+1)); of the forward equation (d_(n+1), d_n)."""
    shape = (_rank(n), _rank(n + 1))
    return _table("streaming", (n,), shape[::-1] if FORWARD else shape)


def memory(n, m):
    """K(n, m), shape (d_n, d_m); of the forward equation (d_(n+1), d_m)."""
    return _table("memory", (n, m), (_rank(n + 1) if FORWARD else _rank(n), _rank(m)))


def correlation(n, m):
    """C(n, m), shape (d_n, d_m)."""
    return _table("correlation", (n, m), (_rank(n), _rank(m)))


def noise(n):
    """r_n; of the forward equation what Q_0 p_0 adds to layer n + 1."""
    return _vector("noise", n, _rank(n + 1) if FORWARD else _rank(n))


def coefficients(n):
    """c_n, or d_n of the forward equation."""
    return _vector("coefficients", n, _rank(n))
'''
)

WRAPPER_SHALLOW = (
    '''"""{about}

The compiled shallow network as Python functions; needs numpy, and `make` beforehand.
"""

'''
    + _LIBRARY
    + '''

DEPTH = {depth}
RANKS = {ranks}
OUTPUTS = {outputs}
SEVERAL = {several}
FORWARD = {forward}


def readout(n):
    """alpha^(n), 1 <= n <= DEPTH: (d_n,), or (d_n, outputs) for several."""
    function = _library.{name}_readout
    function.restype = _double_p
    found = function(n)
    if not found:
        raise IndexError(f"nothing is read out of layer {{n}}")
    values = np.ctypeslib.as_array(found, shape=(RANKS[n], OUTPUTS)).copy()
    return values if SEVERAL else values[:, 0]
'''
)

EXPECTATION = '''

_library.{name}_expectation.restype = None
_library.{name}_expectation.argtypes = [ctypes.c_size_t, _double_p, _double_p]


def expectation(X):
    """{what} at X of shape (points, {dim}): (points,), or (points, outputs) for several."""
    points = np.ascontiguousarray(X, dtype=np.float64).reshape(-1, {dim})
    out = np.empty((len(points), OUTPUTS))
    _library.{name}_expectation(len(points), _address(points), _address(out))
    return out if SEVERAL else out[:, 0]
'''

WRAPPER_TERM = (
    '''"""{about}

The compiled term as a Python function; needs numpy, and `make` beforehand.
"""

'''
    + _LIBRARY
    + '''

PARAMETERS = {parameters!r}
_library.{name}_term.restype = None
_library.{name}_term.argtypes = [ctypes.c_size_t, _double_p, _double_p]


def term(parameters):
    """Entries for parameter sets of shape (sets, {count}): shape (sets, {rows}, {columns})."""
    sets = np.ascontiguousarray(parameters, dtype=np.float64).reshape(-1, {count})
    out = np.empty((len(sets), {rows} * {columns}))
    _library.{name}_term(len(sets), _address(sets), _address(out))
    return out.reshape(-1, {rows}, {columns})
'''
)


def banner(about: tuple[str, ...]) -> list[str]:
    return ["/*", *comment((line.replace("*/", "* /") for line in about), " * "), " */"]


def guard(name: str) -> list[str]:
    macro = f"{name.upper()}_H"
    return [
        f"#ifndef {macro}",
        f"#define {macro}",
        "",
        "#include <stddef.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
    ]


def unguard() -> list[str]:
    return ["", "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""]
