"""``report``: one self-contained HTML page for a reader who has nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from mzsym.core import MzError
from mzsym.core.atomic import write_atomic
from mzsym.core.version import VERSION
from mzsym.evaluate.findings import Findings, findings, truncation_error
from mzsym.evaluate.kept import isometric
from mzsym.projections.measures import measure_text, measure_words
from mzsym.report.explain_view import explain_views
from mzsym.report.law_plot import output_svg
from mzsym.report.law_view import SAMPLES, OutputLaws, output_laws, output_words
from mzsym.report.mathml import fragment, mathml
from mzsym.report.network_view import domain_in_words, layer_views, observable_latex
from mzsym.report.number_view import (
    accuracy_rows,
    bound,
    lag_rows,
    layer_rows,
    memory_rows,
    norm_rows,
    number,
    other_rows,
    output_rows,
)
from mzsym.report.plots import decay_svg, describe_decay
from mzsym.report.reduce_view import reduce_view
from mzsym.report.term_view import term_views

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.derive import Equation
    from mzsym.evaluate.protocols import HasSolution, HasTables
    from mzsym.reduce import Reduction

MAX_TRUNCATIONS = 10


@dataclass(frozen=True)
class Card:
    """One number of the summary."""

    what: str
    value: str
    standing: str
    words: str


def report(
    eq: Equation,
    ev: HasSolution,
    c: Certificate,
    r: Reduction | None = None,
    *,
    path: str | Path = "report.html",
    title: str = "Mori\u2013Zwanzig report",
    laws: OutputLaws | None = None,
) -> Path:
    """Write one HTML page: network, equation, terms, tables, plot, certificate, what each number rests on.

    Parameters
    ----------
    eq : Equation
    ev : Evaluator
        Of the same network.
    c : Certificate
        Of the same network and projection.
    r : Reduction, optional
        Of the same network and projection: adds a section on the shallow network.
    path : str or Path
        Written whole or not at all.
    title : str
    laws : OutputLaws, optional
        Of the output, where they are known already.

    Returns
    -------
    Path

    Raises
    ------
    MzError
        When they belong to different networks, or the file cannot be written.
    """
    target = Path(path)
    write_atomic(target, page(eq, ev, c, title, laws, r))
    return target


def page(
    eq: Equation,
    ev: HasSolution,
    c: Certificate,
    title: str = "Mori\u2013Zwanzig report",
    laws: OutputLaws | None = None,
    r: Reduction | None = None,
) -> str:
    """The page as text."""
    digests = {eq.network.digest, ev.network.digest, c.model_digest}
    if r is not None and (r.deep.network.digest, r.projection) != (eq.network.digest, eq.projection):
        raise MzError(
            "The reduction belongs to another network or projection",
            "report(eq, ev, c, r)",
            "Reduce the network of the equation, with its projection",
        )
    if len(digests) > 1 or (eq.projection.describe(), measure_text(eq.projection.measure)) != (c.projection, c.measure):
        raise MzError(
            "Equation, evaluator and certificate belong to different networks or projections",
            "report(eq, ev, c)",
            "Make all three from the same network and projection",
        )
    shown = _output(output_laws(ev) if laws is None else laws) | {"shallow": None if r is None else reduce_view(r)}
    return _template().render(_content(eq, ev, c, title) | shown)


@lru_cache(maxsize=1)
def _template() -> Template:
    # User text is escaped by default; only what this package made as Markup passes unescaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource("report.html.j2"))


def _resource(name: str) -> str:
    return (files("mzsym.report") / "templates" / name).read_text(encoding="utf-8")


def _content(eq: Equation, ev: HasSolution, c: Certificate, title: str) -> dict[str, Any]:
    net, depth = eq.network, eq.network.depth
    found = findings(ev)
    layers = layer_views(net)
    norms, others = norm_rows(c), other_rows(c)
    steps = eq.verify()
    family = _relations(eq.projection.describe())
    return {
        "title": title,
        "lead": f"{depth} layer{'s' if depth > 1 else ''}, {_dimensions(net.dims)}; {family}.",
        "style": Markup(_resource("style.css")),
        "version": VERSION,
        "math": mathml,
        "depth": depth,
        "tall": " tall" if depth > 20 else "",
        "cards": _cards(ev, c, found),
        "first_box": domain_in_words(net, 0),
        "boxed": net.has_domains,
        "observable": mathml(observable_latex(net)),
        "layers": layers,
        "weights": any(layer.weights for layer in layers) and depth <= 16,
        "projection": family,
        "measure": measure_words(eq.projection.measure),
        "equation": fragment("\\[\n" + eq.derivation.symbolic.step("projected").latex() + "\n\\]"),
        "legend": _legend(eq),
        "steps": len(steps),
        "written_out": eq.derivation.written_out,
        "derivation": fragment(eq.derivation.latex()),
        "terms": term_views(eq),
        "findings": " ".join(found.lines()).replace("||", "\u2016"),
        "figure": Markup(decay_svg(ev, c)),
        "figure_words": describe_decay(ev, c),
        "finite_bound": depth >= 2 and math.isfinite(min(c.memory_bound(n, n + 2) for n in range(depth - 1))),
        "explained": explain_views(ev),
        "triangle": memory_rows(ev),
        "lags": lag_rows(ev, c),
        "layer_numbers": layer_rows(ev),
        "observables": len(net.observable_exprs),
        "truncation": _truncations(ev),
        "verdict": c.contracts,
        "verdict_words": _spoken(c.contracts.why) + ".",
        "norms": norms,
        "remarks": any(row.remark for row in norms),
        "estimates": any(layer.estimate or layer.interior.estimate for layer in c.layers),
        "proved_by": _proved_by(c),
        "chain_words": _chain_words(c),
        "others": others,
        "forgets": _forgets(c),
        "other_remarks": any(row.remark for row in others),
        "accuracy": accuracy_rows(ev),
        "tolerance": f"{ev.options.tolerance:.0e}",
        "limits": ev.limits,
        "digest": c.model_digest,
        "versions": ", ".join(f"{name} {value}" for name, value in c.versions if name != "mzsym"),
        "engine": f"{ev.engine}, {'one series on each box' if ev.scheme == 'spectral' else 'composite panels'}",
        "nodes": _nodes(ev),
    }


def _truncations(ev: HasTables) -> list[str]:
    """Error of c_0 by the length of the memory; what the tables cannot tell from zero as a bound."""
    size = float(np.linalg.norm(isometric(ev.coefficients(0))))
    known = 10.0 * float(ev.tolerance_reached.get("coefficients", 0.0)) / size if size > 0.0 else 0.0
    lengths = range(1, min(ev.network.depth, MAX_TRUNCATIONS) + 1)
    return [number(truncation_error(ev, length), known) for length in lengths]


def _output(shown: OutputLaws) -> dict[str, Any]:
    """The section on the law of the output."""
    return {
        "output_rows": output_rows(shown),
        "output_figure": Markup(output_svg(shown)) if shown.laws else "",
        "output_figure_words": output_words(shown),
        "output_refused": shown.refused,
        "output_left": shown.of - len(shown.laws) if shown.laws else 0,
        "output_samples": f"{SAMPLES:,}".replace(",", "\u202f"),
        "output_limits": sorted({text for item in shown.laws for text in item.law.limits}),
    }


def _dimensions(dims: tuple[int, ...]) -> str:
    if len(set(dims)) == 1:
        return f"dimension {dims[0]} throughout"
    shown = [str(dim) for dim in dims] if len(dims) <= 16 else [*map(str, dims[:8]), "\u2026", *map(str, dims[-4:])]
    return "dimensions " + " \u2192 ".join(shown)


def _cards(ev: HasTables, c: Certificate, found: Findings) -> list[Card]:
    words = found.lines()
    cards = []
    if found.decay is not None:
        verb = "shrinks" if found.decay.factor < 1 else "grows"
        cards.append(
            Card(
                "Memory per layer",
                f"\u00d7 {found.decay.factor:.3g}",
                "estimated",
                f"The largest \u2016K(n,m)\u2016 {verb} by this factor with every layer of lag "
                f"(fit over lags {found.decay.lags[0]} to {found.decay.lags[-1]}).",
            )
        )
    else:
        cards.append(Card("Memory per layer", "\u2013", "estimated", _spoken(words[0])))
    length = {None: "not reached", 1: "none"}.get(found.memory_length, f"{found.memory_length} layers")
    cards.append(Card(f"Memory for {100 * found.fraction:g} % error", length, "estimated", _spoken(words[1])))
    verdict = c.contracts
    cards.append(Card("Contraction of the memory", verdict.decision, verdict.decision, _spoken(verdict.why) + "."))
    reached = max(ev.tolerance_reached.values())
    asked = "" if reached <= ev.options.tolerance else ", which was not reached"
    cards.append(
        Card(
            "Accuracy of the tables",
            f"{reached:.1e}",
            "estimated",
            f"Observed, absolute; {ev.options.tolerance:.0e} was asked for{asked}.",
        )
    )
    return cards


def _relations(text: str) -> str:
    return text.replace("<=", "\u2264").replace(">=", "\u2265")


def _spoken(text: str) -> str:
    """Norm bars and indices as a reader expects them; still plain text."""
    text = _relations(text).replace("||", "\u2016").replace("Q_(n+1)", "Q\u2099\u208a\u2081")
    text = text.replace("Q_n M_n", "Q\u2099M\u2099").replace("Q\u2099M\u2099 Q", "Q\u2099M\u2099Q")
    return text[:1].upper() + text[1:]


def _legend(eq: Equation) -> Markup:
    if eq.direction == "forward":
        words = (
            "{0} is the density of the state of layer {4}, relative to the measure. The resolved part of the next "
            "layer's is moved by {1} from this layer, by {2} from all earlier ones, and by {3} that no projection sees."
        )
    else:
        words = (
            "{0} is the observable expected at the output, given the state of layer {4}. Its resolved part is moved by "
            "{1} from the next layer, by {2} from all later ones, and by {3} that no projection sees."
        )
    return Markup(words).format(
        mathml("p_n" if eq.direction == "forward" else "q_n"),
        "streaming",
        "memory",
        "a noise term",
        mathml("n"),
    )


def _proved_by(c: Certificate) -> str:
    methods = {layer.method for layer in c.layers}
    if methods == {"dobrushin"}:
        return "the root of Dobrushin\u2019s coefficient"
    words = {"sharp": "a sharp enclosure", "hilbert_schmidt": "a Hilbert\u2013Schmidt bound"}
    found = [text for name, text in words.items() if name in methods]
    return " or ".join(found) if found else "where there is a bound, it holds"


def _forgets(c: Certificate) -> str:
    """What Dobrushin's coefficient of all layers says of q_0, where it says something."""
    if any(layer.dobrushin is None for layer in c.layers):
        return ""
    whole = c.dobrushin_window(0, c.depth)
    return bound(whole) if whole < 1.0 else ""


def _chain_words(c: Certificate) -> Markup:
    rule = mathml(
        r"\|K(n,m)\| \le \|P_nM_nQ_{n+1}\| \Bigl(\prod_{i=n+1}^{m-2} \|Q_iM_iQ_{i+1}\|\Bigr) \|Q_{m-1}M_{m-1}\|"
    )
    if c.depth < 2:
        return Markup("A network of one layer has no memory term.")
    worst = max(c.memory_bound(n, n + 2) for n in range(c.depth - 1))
    if math.isinf(worst):
        return Markup("Along the chain {0}; some factor has no finite proved bound.").format(rule)
    return Markup("Along the chain {0}: proved for lag 2 at most {1}, for the whole depth {2}.").format(
        rule, bound(worst), bound(c.memory_bound(0, c.depth))
    )


def _nodes(ev: HasTables) -> str:
    shown = [" \u00d7 ".join(map(str, counts)) for counts in ev.nodes]
    if len(set(shown)) == 1:
        return f"{shown[0]} on every layer"
    return ", ".join(shown) if len(shown) <= 12 else ", ".join(shown[:12]) + ", \u2026"
