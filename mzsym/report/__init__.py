"""Documents for people: the HTML report, LaTeX documents, plots."""

from mzsym.report.html import report
from mzsym.report.latex_document import equation_document
from mzsym.report.plots import decay_svg, save_decay

__all__ = ["decay_svg", "equation_document", "report", "save_decay"]
