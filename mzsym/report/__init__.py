"""Documents for people: the HTML report, LaTeX documents, plots.

Names are imported on first use: a LaTeX document needs no matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mzsym.report.html import report
    from mzsym.report.latex_document import equation_document
    from mzsym.report.law_plot import output_svg, save_output
    from mzsym.report.plots import decay_svg, save_decay

__all__ = ["decay_svg", "equation_document", "output_svg", "report", "save_decay", "save_output"]

_HOME = {
    "decay_svg": "mzsym.report.plots",
    "equation_document": "mzsym.report.latex_document",
    "output_svg": "mzsym.report.law_plot",
    "report": "mzsym.report.html",
    "save_decay": "mzsym.report.plots",
    "save_output": "mzsym.report.law_plot",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mzsym.report' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
