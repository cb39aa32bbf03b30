"""Stable scalar functions, written once in a small dialect that the interpreter, numba and (by translation) C share.

The dialect: floats and integers, the functions of ``mzsym.codegen.libm``, other leaves, ``if``, ``for ... in range``,
tuples of constants in capital letters. No exceptions, no default arguments, no division by what may be zero.
"""
