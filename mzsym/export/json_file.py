"""Exact numbers as JSON: hexadecimal floats beside a description."""

from __future__ import annotations

import json
from typing import Any

from mzsym.core.arrays import Array
from mzsym.core.version import VERSION
from mzsym.export.content import TABLE_KINDS, EvaluatorContent, TermContent


def evaluator_json(content: EvaluatorContent) -> dict[str, str]:
    """File name -> text."""
    found = content.expectation
    whole: dict[str, Any] = {
        "format": "mzsym evaluator 1" if content.kinds == TABLE_KINDS else "mzsym shallow network 1",
        "mzsym": VERSION,
        "about": list(content.about),
        "standing": "estimated",
        "direction": content.direction,
        "depth": content.depth,
        "dimensions": list(content.dims),
        "ranks": list(content.ranks),
        "tolerance_reached": {name: value.hex() for name, value in content.reached.items()},
        "domain": None if content.domain is None else [[lo.hex(), hi.hex()] for lo, hi in content.domain],
        "tables": {name: _exact(table) for name, table in content.tables.items()},
        "expectation": content.without
        if found is None
        else {
            "what": f"{content.what}: with z = F_0(x), t_i in [-1, 1] the place of z_i in its panel, "
            "the sum of coefficients * prod_i sqrt(2 j_i + 1) P_(j_i)(t_i)",
            "parameters_of_F_0": {name: value.hex() for name, value in found.parameters},
            "ends": [_exact(ends) for ends in found.series.ends],
            "orders": list(found.series.orders),
            "coefficients": _exact(found.series.coefs),
            "points": _exact(found.points),
            "values": _exact(found.values),
        },
    }
    return {f"{content.name}.json": json.dumps(whole, indent=1) + "\n"}


def term_json(content: TermContent) -> dict[str, str]:
    """File name -> text: the program of a term, node by node."""
    program = content.program
    whole = {
        "format": "mzsym term 1",
        "mzsym": VERSION,
        "about": list(content.about),
        "standing": "exact in the parameters",
        "shape": list(content.shape),
        "parameters": list(content.parameters),
        "nodes": [[node.op, list(node.args), [str(part) for part in node.data]] for node in program.nodes],
        "outputs": list(program.outputs),
    }
    return {f"{content.name}.json": json.dumps(whole, indent=1) + "\n"}


def _exact(array: Array) -> dict[str, Any]:
    return {"shape": list(array.shape), "values": [float(value).hex() for value in array.ravel()]}
