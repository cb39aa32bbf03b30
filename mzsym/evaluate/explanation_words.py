"""An explanation of a term in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mzsym.evaluate.explanation import Explanation, Leading
    from mzsym.evaluate.orthogonal import Passage

SHOWN = 8
"""Layers of the way that are said one by one."""

MOST = 0.7
"""A part of the norm, about half of its square, from which on it is called most."""

SMALL = 0.3
"""A part of the norm up to which a layer is said to keep a term small."""


def explanation_lines(found: Explanation) -> tuple[str, ...]:
    """How large the term is, what it takes and gives, the way between, and what makes it large."""
    if found.zero:
        return (
            f"{found.label} cannot be told from zero: its norm is {found.norm:.1e}, computed to {found.error:.1e}.",
        )
    lines = [_size(found), _ends(found)]
    if found.passages:
        lines += [*_way(found.passages), _cause(found)]
    return tuple(lines)


def _size(found: Explanation) -> str:
    place = "the largest" if found.rank == 1 else f"number {found.rank}"
    among = f"the only {found.kind} term" if found.of == 1 else f"{place} of {found.of} {found.kind} terms"
    text = f"{found.label} has norm {found.norm:.3g} (estimated, to {found.error:.0e}), {among}"
    if found.contribution is None:
        return text + "."
    return f"{text}; here it makes {_percent(found.contribution)} of what its equation gives."


def _ends(found: Explanation) -> str:
    if found.kind == "noise":
        return f"It is what the observable leaves unresolved, seen on layer {found.n} as {_function(found.response)}."
    alone = f"; {_percent(found.share)} of its squared size is in this one direction" if found.share < 0.995 else ""
    return (
        f"Of the later layer it takes above all {_function(found.source)}, and it answers above all with "
        f"{_function(found.response)} of the earlier one{alone}."
    )


def _function(lead: Leading) -> str:
    return lead.function if lead.share > 0.995 else f"{lead.function} ({_percent(lead.share)})"


def _way(steps: tuple[Passage, ...]) -> list[str]:
    lines = [f"A function of norm {steps[0].before:.3g} sets out:"]
    shown = steps if len(steps) <= SHOWN + 1 else (*steps[: SHOWN - 1], steps[-1])
    for step in shown[:-1]:
        lines.append(
            f"  layer {step.layer}: map and noise leave {step.moved:.3g}, of which the projection does not resolve "
            f"{step.kept:.3g} ({_percent(step.factor)} of what arrived)"
        )
    if len(shown) < len(steps):
        lines.append(f"  ... {len(steps) - len(shown)} more layers ...")
    last = steps[-1]
    resolved = max(0.0, last.moved**2 - last.kept**2) ** 0.5
    lines.append(
        f"  layer {last.layer}: map and noise leave {last.moved:.3g}, and the projection resolves {resolved:.3g}"
    )
    return lines


def _cause(found: Explanation) -> str:
    """Which layer lets most through and why, and which takes most away."""
    inner = found.passages[:-1]
    if not inner:
        return "There is no layer between that could take something away: the size is that of one step."
    loud = max(inner, key=lambda step: step.factor)
    quiet = min(inner, key=lambda step: step.factor)
    if loud.factor < SMALL:
        most = "even the layer that lets most through" if len(inner) > 1 else "the layer between"
        reason = "the projection resolves most of it" if _missed(loud) < MOST else "map and noise smooth it away"
        return f"What keeps it small: {most}, layer {loud.layer}, passes on {_percent(loud.factor)}, for {reason}."
    if _missed(loud) >= MOST and _left(loud) >= MOST:
        reason = (
            "neither the noise smooths it nor the projection resolves it; more noise or more resolved functions help"
        )
    elif _missed(loud) >= MOST:
        reason = "the projection resolves little of it; more resolved functions help"
    else:
        reason = "map and noise leave it large; more noise helps"
    text = f"What makes it large: layer {loud.layer} passes on {_percent(loud.factor)}, for {reason}."
    if quiet.layer == loud.layer:
        return text
    return f"{text} Most is taken away by layer {quiet.layer}, which passes on {_percent(quiet.factor)}."


def _left(step: Passage) -> float:
    """The part that map and noise leave."""
    return step.moved / step.before if step.before else 0.0


def _missed(step: Passage) -> float:
    """The part of that which the projection does not resolve."""
    return step.kept / step.moved if step.moved else 0.0


def _percent(share: float) -> str:
    value = 100.0 * share
    if 0.0 < value < 0.01:
        return f"{value:.1e} %"
    return f"{value:.3g} %" if value < 99.5 or value > 100.5 else "all"
