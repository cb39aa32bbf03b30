"""A certificate as a statement and a table in LaTeX (amsmath only)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mzsym.certify.bounds import LayerBound, decimal_down, decimal_up, digits_apart
from mzsym.core import Standing

if TYPE_CHECKING:
    from mzsym.certify.certificate import Certificate

_SPECIAL = {"\\": r"\textbackslash{}", "<=": r"$\le$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def escape(text: str) -> str:
    """Plain text for LaTeX."""
    out = text.replace("\\", "\0")
    for character in "&%$#_{}":
        out = out.replace(character, "\\" + character)
    out = out.replace("~", _SPECIAL["~"]).replace("^", _SPECIAL["^"]).replace("\0", _SPECIAL["\\"])
    out = out.replace("<=", r"$\le$").replace(">=", r"$\ge$").replace("||", r"$\|$")
    return out.replace("<", r"$<$").replace(">", r"$>$")


def latex(certificate: Certificate) -> str:
    """Statement, verdict and table; and those about other norms, where they were asked for."""
    parts = [statement(certificate), verdict(certificate), table(certificate)]
    if any(layer.dobrushin is not None or layer.lipschitz is not None for layer in certificate.layers):
        parts += [other_statement(certificate), other_table(certificate)]
    return "\n\n".join(parts)


MEASURES = {
    "uniform": "uniform probability measure",
    "lebesgue": "Lebesgue measure",
    "gaussian": "standard Gaussian measure",
    "law": "law of the state",
}

MIXED = (
    r"Where the noise has a gain $G_n$, $\|\rho_n\|^2$ stands for its quotient by a proved lower bound of "
    r"$|\det G_n|$ on $\Omega_n$, which bounds $\int p_n(y|x)^2\,dy$; random weights make $p_n(\cdot|x)$ a mean of "
    r"such densities, and the norm is convex."
)
"""What the proof adds for gains and random weights."""


def statement(certificate: Certificate) -> str:
    """The proved claim with the reason for it, or the sentence that nothing was proved."""
    measure = MEASURES.get(certificate.measure, f"measure of weight {escape(certificate.measure)}")
    space = "$L^2$" if certificate.measure == "gaussian" else r"$L^2(\Omega_n)$"
    opening = (
        rf"Let $P_n$ be the orthogonal projection on {escape(certificate.projection)} in {space} with the "
        rf"{measure}, and $Q_n = I - P_n$."
    )
    if all(layer.standing is Standing.ESTIMATED for layer in certificate.layers):
        return opening + " The norms below are estimated; nothing about them is proved."
    methods = {layer.method for layer in certificate.layers}
    if methods == {"dobrushin"}:
        return _law_statement(opening)
    if "sharp" in methods:
        return _sharp_statement(certificate, opening)
    if "hilbert_schmidt" not in methods:
        return opening + r" No method asked for bounds $\|Q_nM_n\|$ in this measure."
    known = [layer for layer in certificate.layers if math.isfinite(layer.upper)]
    less = " - 1" if all(layer.upper < layer.operator for layer in known) else ""
    if certificate.measure == "gaussian":
        return _bounded_claim(opening, rf"\Bigl(\mathbb E\prod_ih_{{n,i}}(F_{{n,i}}(X)){less}\Bigr)^{{1/2}}") + (
            GAUSSIAN_SQUARE.format(constants=GAUSSIAN_CONSTANTS if less else "")
        )
    square = rf"\lambda(\Omega_{{n+1}})\,\|\rho_n\|_{{L^2}}^2{less}"
    if certificate.measure == "lebesgue":
        square = rf"\frac{{\lambda(\Omega_n)}}{{\lambda(\Omega_{{n+1}})}}\bigl({square}\bigr)"
    elif certificate.measure not in MEASURES:
        square = (
            r"\frac{\mu_n(\Omega_n)}{\mu_{n+1}(\Omega_{n+1})}\Bigl(\mu_{n+1}(\Omega_{n+1})\max_{\Omega_{n+1}}"
            rf"\frac1{{m_{{n+1}}}}\,\|\rho_n\|_{{L^2}}^2{less}\Bigr)"
        )
    mixed = "" if all(layer.plain_noise for layer in certificate.layers) else " " + MIXED
    return _bounded_claim(opening, rf"\Bigl({square}\Bigr)^{{1/2}}") + (
        r"\textit{Proof.} The kernel of $M_n$ is $\rho_n(y-F_n(x))$, which gives $\|M_n\|_{\mathrm{HS}}$"
        + (CONSTANTS if less else ".")
        + rf"{mixed} All numbers were computed in ball arithmetic and rounded up. $\square$"
    )


def _bounded_claim(opening: str, square: str) -> str:
    """Bounds from above of every layer, by Hilbert-Schmidt norms."""
    return (
        rf"\medskip\noindent\textbf{{Proposition.}} \emph{{{opening} Then for every layer}}"
        "\n\\[\n"
        rf"\|Q_nM_n\| \le \|Q_nM_n\|_{{\mathrm{{HS}}}} \le {square} \le u_n,"
        "\n\\]\n"
        r"\emph{with $u_n$ as in the table, and for $m \ge n+2$ }"
        "\n\\[\n"
        r"\|K(n,m)\| \le \min(u_n, v_n) \prod_{i=n+1}^{m-1} u_i, \qquad \|M_n\| \le v_n."
        "\n\\]\n"
    )


CONSTANTS = (
    r"; the constants lie in the range of $P_n$, and by the Cauchy--Schwarz inequality their part of "
    r"$\|P_nM_n\|_{\mathrm{HS}}^2$ is at least the subtracted term. $M_n1=1$ gives the same bound for $M_nQ_{n+1}$."
)
"""Where a projection resolves the constants."""

GAUSSIAN_CONSTANTS = r", and the constants, for which $M_n1=1$, account for 1 of it on either side"

GAUSSIAN_SQUARE = (
    r"\textit{{Proof.}} With $\varphi$ the density of $N(0,1)$, $h_{{n,i}}(f) = \int\rho_{{n,i}}(z-f)^2\,dz/\varphi(z)$"
    r" and $X$ standard normal, the expectation is $\|M_n\|_{{\mathrm{{HS}}}}^2${constants}. Components that depend on "
    r"independent variables were taken apart, groups of $p$ others by H\"older's inequality, "
    r"$\mathbb E\prod h \le \prod(\mathbb Eh^p)^{{1/p}}$. The integrals were computed in ball arithmetic by "
    r"Gauss's rule with errors bounded from the analyticity of the integrands, and rounded up. $\square$"
)
"""Hilbert-Schmidt bounds in the standard Gaussian measure."""

GAUSSIAN_PROOF = (
    r"\textit{Proof.} Let $\Pi$ be the projection on the Hermite polynomials of degree below $k$ of the next state. "
    r"The functions $M_ne$ of its range are averages of Hermite polynomials over the noise, known in closed form; "
    r"integrals of their products against the density of $N(0,1)$ give the matrices of $\|Q_nM_n\Pi\|$ and "
    r"$\|Q_nM_n(I-P_{n+1})\Pi\|$, the numbers $l_n$ among them, and $\|Q_nM_n\|^2 \le \|Q_nM_n\Pi\|^2 + "
    r"\|M_n\|_{\mathrm{HS}}^2 - \|M_n\Pi\|_{\mathrm{HS}}^2$. The integrals were computed in ball arithmetic by "
    r"Gauss's rule with errors bounded from the analyticity of the integrands; rounding is bounded and added. Where "
    r"the table says HS, $u_n$ is a bound of $\|Q_nM_n\|_{\mathrm{HS}}$, and $u'_n$ is at most $u_n$. $\square$"
)
"""For sharp enclosures in the standard Gaussian measure."""


LAW_PROOF = (
    r"\textit{Proof.} Let $m$ be the density of $X_{n+1}$, $b$ the cells of a partition on which it is bounded from "
    r"below, $B$ the rest, $V$ the span of the $1_b/m$. What is orthogonal to $V$ has mean $0$ on every $b$, hence "
    r"$\|Q_nM_n\|^2 \le \|Q_nM_n|_V\|^2 + \mu + |B|/2s$ with $s$ the half-width of the noise, $\mu = "
    r"\max_b\,(q p + q'p')\int_b m^{-1}/2s^2$, $p$, $p'$ the probabilities of $F_n(X_n) \in b \pm s$ and $q, q' \le "
    r"\frac14$. The first term is the largest eigenvalue of a finite matrix; densities and probabilities were enclosed "
    r"from layer to layer. $l_n$ is $\|Q_nM_nv\|/\|v\|$ for a $v$ that is constant on cells. Where the table says TV, "
    r"$u_n^2$ is the largest distance in total variation of the laws of $X_{n+1}$ given two values of $X_n$, which "
    r"bounds $\|Q_nM_n\|^2$. Rounding is bounded and added. $\square$"
)
"""For sharp enclosures in the law of the state."""


def _sharp_statement(certificate: Certificate, opening: str) -> str:
    """Enclosures from both sides, beside Hilbert-Schmidt bounds where these are the better ones."""
    square = ""
    if any(layer.method == "hilbert_schmidt" for layer in certificate.layers):
        square = (
            r" Where the table says HS, $u_n$ is a bound of $\|Q_nM_n\|_{\mathrm{HS}}$, which follows from the kernel "
            r"$\rho_n(y-F_n(x))$ of $M_n$ and from $M_n1=1$, and $u'_n$ is at most $u_n$."
        )
    claim = (
        rf"\medskip\noindent\textbf{{Proposition.}} \emph{{{opening} Then for every layer}}"
        "\n\\[\n"
        r"l_n \le \|Q_nM_n\| \le u_n, \qquad \|Q_nM_nQ_{n+1}\| \le u'_n,"
        "\n\\]\n"
        r"\emph{with the numbers in the table, and with $\|M_nQ_{n+1}\| \le v_n$ for $m \ge n+2$}"
        "\n\\[\n"
        r"\|K(n,m)\| \le v_n \Bigl(\prod_{i=n+1}^{m-2} u'_i\Bigr) u_{m-1}."
        "\n\\]\n"
    )
    if certificate.measure in ("law", "gaussian"):
        return claim + (LAW_PROOF if certificate.measure == "law" else GAUSSIAN_PROOF)
    return claim + (
        r"\textit{Proof.} Let $S = Q_nM_nM_n^*Q_n$ act on the orthonormal Legendre polynomials $p_0, p_1, \dots$ of "
        r"$\Omega_n$ mapped to $[-1,1]$, $V$ stand for the degrees resolved by neither $P_n$ nor a cut-off at $k$, $W$ "
        r"for those not below $k$. A bound $\mu$ of $\|S_{WW}\|$ follows from the total variation of $\rho_n$ and the "
        r"slopes of $F_n$, the matrix $R \ge S_{VW}S_{WV}$ from $\int(1-t^2)(M_nM_n^*p_i)'(M_nM_n^*p_j)'\,dt$. For "
        r"$\lambda_0 \le \lambda_{\max}(S_{VV})$, $\lambda_0 > \mu$, the Schur complement gives "
        r"$\|S\| \le \max\bigl(\lambda_0, \lambda_{\max}(S_{VV} + R/(\lambda_0-\mu))\bigr)$, and $\|S\| \ge "
        r"\lambda_{\max}(S_{VV})$. With $Q_{n+1}$ the same holds for $Q_nM_nQ_{n+1}M_n^*Q_n$. The integrals were "
        r"computed by Gauss's rule with errors bounded from the analyticity of the integrands, proved in ball "
        r"arithmetic; the rounding of all matrices is bounded and added."
        + _other_noise(certificate)
        + _plane(certificate)
        + rf"{square} $\square$"
    )


def _plane(certificate: Certificate) -> str:
    """What the proof is where a state has two components."""
    boxes = certificate.model.get("domains") or []
    if all(len(box) < 2 for box in boxes):
        return ""
    return (
        r" For layers of two inputs or outputs it is another: with $\Pi$ the projection on the products of Legendre "
        r"polynomials of degree below $k$ of the outputs, the functions $M_ne$ of its range were carried as series "
        r"with proved errors, which gives $\|Q_nM_n\Pi\|$, and $\|Q_nM_n\|^2 \le \|Q_nM_n\Pi\|^2 + "
        r"\|M_n(I-\Pi)\|^2$. The last term is at most $\|M_n\|_{\mathrm{HS}}^2 - \|M_n\Pi\|_{\mathrm{HS}}^2$, and "
        r"under uniform noise $c/k(k+1)$ with a constant from the density of $F_n$; there a few functions $g$ of the "
        r"inputs were also paired with the $M_ne$ of far higher degrees, which bounds $\|(I-\Pi)M_n^*g\|$, and with "
        r"$V$ their span $\langle f, Ef\rangle \le (1+t)\langle v, Ev\rangle + (1+1/t)\langle w, Ew\rangle$, "
        r"$f = v + w$, $v \in V$, $w \perp V$, was taken for $E = Q_nM_n(I-\Pi)M_n^*Q_n$."
    )


def _other_noise(certificate: Certificate) -> str:
    """What the proof adds where the noise is not uniform."""
    if all(layer.noise.startswith("uniform") for layer in certificate.layers if layer.method == "sharp"):
        return ""
    return (
        r" Where the noise is not uniform, $M_nM_n^*$ is replaced by $M_n\Pi M_n^*$, $\Pi$ the projection on finitely "
        r"many polynomials of $\Omega_{n+1}$, and $\|M_n(I-\Pi)\|_{\mathrm{HS}}^2$, which is known, is added to the "
        r"upper bounds of the squares."
    )


def _law_statement(opening: str) -> str:
    return (
        rf"\medskip\noindent\textbf{{Proposition.}} \emph{{{opening} With $\alpha_n$ the largest distance in total "
        r"variation between the laws of $X_{n+1}$ given two values of $X_n$, for every layer}"
        "\n\\[\n"
        r"\|Q_nM_n\|^2 \le \alpha_n \le u_n^2, \qquad "
        r"\|K(n,m)\| \le u_n \prod_{i=n+1}^{m-1} u_i \quad (m \ge n+2),"
        "\n\\]\n"
        r"\emph{with $u_n$ as in the table.} "
        r"\textit{Proof.} $S = M_n^{\vphantom{*}}M_n^*$ is a Markov operator in which the law of $X_n$ is stationary, "
        r"and shrinks oscillations by $\alpha_n$. For bounded $f$ of mean $0$, "
        r"$\langle f, S^kf\rangle \le \|f\|_1\,\alpha_n^k\,\mathrm{osc} f$ for every $k$, so that the spectral measure "
        r"of $f$ for the self-adjoint $S \ge 0$ lives on $[0,\alpha_n]$ and "
        r"$\|M_n^*f\|^2 \le \alpha_n\|f\|^2$. $Q_n$ and $Q_{n+1}$ remove the constants, and $M_n1 = 1$. All numbers "
        r"were computed with directed rounding. $\square$"
    )


def other_statement(certificate: Certificate) -> str:
    """What is proved about oscillations and distances."""
    return (
        r"\medskip\noindent\textbf{Proposition.} \emph{For every layer, every bounded $v$ and all $x, x' \in \Omega_n$}"
        "\n\\[\n"
        r"\mathrm{osc}\,M_nv \le \alpha_n\,\mathrm{osc}\,v, \qquad |F_n(x) - F_n(x')| \le \ell_n\,|x - x'|,"
        "\n\\]\n"
        r"\emph{with $\alpha_n$, $\ell_n$ as in the table; so do their products over several layers, and the bounds of "
        r"several layers together, where these are smaller.} \textit{Proof.} $\alpha_n$ is the distance in total "
        r"variation of the noise from its shift by the proved extents of $F_n(\Omega_n)$; $\ell_n$ a verified bound of "
        r"the spectral norms of all matrices of difference quotients of $F_n$ on $\Omega_n$. $\square$"
    )


def other_table(certificate: Certificate) -> str:
    """Oscillations and distances: a row per layer, then a row per window that is kept."""
    head = (
        r"\begin{center}\small\begin{tabular}{llll}"
        "\n"
        r"\hline layers & $\alpha$, proved & $\ell$, proved & by \\ \hline"
    )
    rows = [
        rf"${layer.n}$ & {_optional(layer.dobrushin)} & {_optional(layer.lipschitz)} & one step \\"
        for layer in certificate.layers
    ]
    for windows, text in (
        (certificate.dobrushin_windows, "{} & --"),
        (certificate.lipschitz_windows, "-- & {}"),
    ):
        rows += [rf"${w.n}$ to ${w.m - 1}$ & {text.format(_bound(w.bound))} & {escape(w.method)} \\" for w in windows]
    parts = [rows[i : i + 36] for i in range(0, len(rows), 36)]
    return "\n".join("\n".join([head, *part, r"\hline \end{tabular}\end{center}"]) for part in parts)


def _optional(value: float | None) -> str:
    return "--" if value is None else _bound(value)


def verdict(certificate: Certificate) -> str:
    """Whether the memory contracts."""
    answer = certificate.contracts
    why = answer.why[:1].upper() + answer.why[1:]
    return rf"\noindent\textbf{{Contraction of the memory: {answer.decision}.}} " + _words(why) + "."


def _words(text: str) -> str:
    for operator in ("Q_n M_n Q_(n+1)", "Q_n M_n", "K(n, m)"):
        letters = operator.replace("_(n+1)", "_{n+1}")
        text = text.replace(f"||{operator}||", f"\0{letters}\1")
    return escape_around(text)


def escape_around(text: str) -> str:
    """Escape all but the norms marked by the caller."""
    out = []
    for part in text.split("\0"):
        letters, mark, rest = part.partition("\1")
        out.append(rf"$\|{letters}\|$" + escape(rest) if mark else escape(part))
    return "".join(out)


def _bound(value: float, digits: int = 6) -> str:
    return r"$\infty$" if math.isinf(value) else decimal_up(value, digits)


def _row(layer: LayerBound, sharp: bool, estimates: bool) -> str:
    estimate = "--"
    if layer.estimate is not None:
        estimate = rf"${layer.estimate.value:.6g} \pm {_power(layer.estimate.error)}$"
    proved = layer.standing is Standing.PROVED
    upper = _bound(layer.upper) if proved else "--"
    operator = _bound(layer.operator) if proved else "--"
    if sharp:
        digits = min(7, digits_apart(layer.lower, layer.upper))
        name = {"sharp": "sharp", "hilbert_schmidt": "HS", "dobrushin": "TV"}.get(layer.method, "--")
        bounds = [layer.interior.upper, layer.entrance]
        cells = [str(layer.n), rf"\raggedright {escape(layer.noise)}", name]
        cells += ["--"] * 4 if not proved else []
        if proved:
            low = decimal_down(layer.lower, digits) if layer.lower > 0.0 else "--"
            cells += [low, _bound(layer.upper, digits), *(_bound(value, digits) for value in bounds)]
        return " & ".join([*cells, *([estimate] if estimates else [])]) + r" \\"
    return rf"{layer.n} & \raggedright {escape(layer.noise)} & {upper} & {operator} & {estimate} \\"


def _power(value: float) -> str:
    if not 0.0 < value < math.inf:
        return "0" if value == 0.0 else r"\infty"
    mantissa, exponent = f"{value:.0e}".split("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"


def table(certificate: Certificate) -> str:
    """One row per layer; long certificates come in parts that fit a page."""
    head = (
        r"\begin{center}\small\begin{tabular}{rp{0.26\linewidth}lll}"
        "\n"
        r"\hline $n$ & noise & $u_n$, proved & $v_n$, proved & $\|Q_nM_n\|$, estimated \\ \hline"
    )
    sharp = any(layer.method == "sharp" and layer.standing is Standing.PROVED for layer in certificate.layers)
    estimates = any(layer.estimate is not None for layer in certificate.layers)
    if sharp:
        head = (
            r"\begin{center}\footnotesize\setlength{\tabcolsep}{2.5pt}"
            rf"\begin{{tabular}}{{rp{{0.13\linewidth}}lllll{'l' * estimates}}}"
            "\n"
            r"\hline $n$ & noise & proved by & $l_n$ & $u_n$ & $u'_n$ & $v_n$"
            + r" & $\|Q_nM_n\|$, estimated" * estimates
            + r" \\ \hline"
        )
    tail = r"\hline \end{tabular}\end{center}"
    rows = [_row(layer, sharp, estimates) for layer in certificate.layers]
    parts = [rows[i : i + 18] for i in range(0, len(rows), 18)]
    return "\n".join("\n".join([head, *part, tail]) for part in parts)
