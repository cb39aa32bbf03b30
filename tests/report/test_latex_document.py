"""The LaTeX document compiles with a stock LaTeX, and nothing runs off the page."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from latex2mathml import converter

import mzsym as mz
from mzsym.certify.certificate_latex import escape
from mzsym.report import equation_document

LATEX = shutil.which("pdflatex")


def compiled(tex, folder):
    (folder / "d.tex").write_text(tex, encoding="utf-8")
    done = subprocess.run(
        [LATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "d.tex"],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    log = done.stdout.decode("latin-1")
    assert done.returncode == 0, log[-3000:]
    return log


@pytest.mark.skipif(LATEX is None, reason="no pdflatex here")
@pytest.mark.parametrize("which", ["small", "plane"])
def test_the_document_compiles_and_fits_the_page(which, request, tmp_path):
    made = request.getfixturevalue(which)
    log = compiled(equation_document(made.eq, made.c), tmp_path)
    widths = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    # 5 pt are less than a letter.
    assert all(width < 5 for width in widths), widths


@pytest.mark.skipif(LATEX is None, reason="no pdflatex here")
def test_certificates_of_every_kind_compile(small, tmp_path):
    net = small.eq.network
    parts = [
        mz.certify(net, small.eq.projection, method=method).latex()
        for method in ("hilbert_schmidt", "sharp", "lipschitz")
    ]
    layer = mz.dense([[0.5]], [0.0], activation="tanh")
    still = mz.Network([layer] * 45, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    parts.append(mz.certify(still, mz.Mean(), method="hilbert_schmidt").latex())
    layer = mz.dense([[0.5]], [0.0], activation="tanh", noise=mz.Gaussian(0.5))
    noisy = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    parts += [mz.certify(noisy, projection).latex() for projection in (mz.Mean(measure="law"), mz.Hermite(2))]
    start = "\\documentclass{article}\\usepackage{amsmath,amssymb}\\begin{document}"
    compiled(start + "\n\n".join(parts) + "\\end{document}", tmp_path)


def test_every_formula_goes_through_a_second_reader(small, plane):
    for made in (small, plane):
        tex = equation_document(made.eq, made.c)
        body = tex[tex.index(r"\begin{document}") :]
        formulas = re.findall(r"\$([^$]+)\$", body)
        for rows in re.findall(r"\\begin\{align\*?\}(.*?)\\end\{align\*?\}", body, flags=re.DOTALL):
            rows = re.sub(r"\\resizebox\{[^}]*\}\{!\}\{\$(.*?)\$\}", r"\1", rows)
            formulas += [re.sub(r"\\(notag|tag\{.*?\})", "", row).replace("&", "") for row in rows.split("\\\\\n")]
        assert len(formulas) > 60
        for formula in formulas:
            assert "\\" not in re.sub(r"<mtext>.*?</mtext>", "", converter.convert(formula)), formula


def test_text_is_escaped_for_latex():
    assert escape(r"50% of a_b & {c} #1 $ ~ ^ \x") == (
        r"50\% of a\_b \& \{c\} \#1 \$ \textasciitilde{} \textasciicircum{} \textbackslash{}x"
    )
    assert escape("a <= b < c") == r"a $\le$ b $<$ c"
