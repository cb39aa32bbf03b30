"""Certificates as JSON: numbers exact, content sealed by a digest."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mzsym.certify.bounds import Interior, LayerBound
from mzsym.certify.statement import memory_pairs
from mzsym.certify.steps import Estimate
from mzsym.certify.sufficient.windows import Window
from mzsym.core import MzError, Standing
from mzsym.core.atomic import write_atomic

if TYPE_CHECKING:
    from mzsym.certify.certificate import Certificate

FORMAT = "mzsym certificate"
FORMAT_VERSION = 4
KIND = "layers"

CLAIM = (
    "As operators from L^2(Omega_{n+1}) to L^2(Omega_n) in the stated measure: upper and lower bound the norm of "
    "Q_n M_n, interior_upper and interior_lower that of Q_n M_n Q_{n+1}, entrance_upper that of M_n Q_{n+1}, "
    "operator_upper that of M_n, memory_bounds those of K(n, m). dobrushin bounds the factor by which M_n shrinks "
    "oscillations, lipschitz the Lipschitz constant of F_n, windows that of several layers. Notes claim nothing."
)


def write(certificate: Certificate, path: Any = None) -> str:
    """JSON text; also to a file, whole or not at all."""
    return written(layers_file(certificate), path)


def layers_file(certificate: Certificate) -> dict[str, Any]:
    """The file of a certificate as an object, sealed."""
    notes = {
        "projection": certificate.projection,
        "method": certificate.method,
        "why": certificate.contracts.why,
        "versions": dict(certificate.versions),
    }
    return sealed(KIND, CLAIM, _content(certificate), notes)


def sealed(kind: str, claim: str, content: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    """What every certificate file has, beside its content, and the digest of all of it; notes claim nothing."""
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "kind": kind, "claim": claim}
    whole = head | content | {"notes": notes}
    return whole | {"sha256": digest(whole)}


def written(content: dict[str, Any], path: Any) -> str:
    """A sealed file as text; also to a file, whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if path is not None:
        write_atomic(Path(path), text)
    return text


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything but the digest itself."""
    kept = {key: value for key, value in content.items() if key != "sha256"}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def number(value: float) -> dict[str, Any]:
    """A float exactly, and readably beside it."""
    return {"hex": "inf" if math.isinf(value) else value.hex(), "approximately": None if math.isinf(value) else value}


def _maybe(value: float | None) -> dict[str, Any] | None:
    return None if value is None else number(value)


def _window(window: Window) -> dict[str, Any]:
    return {"n": window.n, "m": window.m, "bound": number(window.bound), "method": window.method}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": number(estimate.value),
        "error": number(estimate.error),
        "second": number(estimate.second),
        "degrees": estimate.degrees,
        "standing": str(Standing.ESTIMATED),
    }


def _layer(layer: LayerBound) -> dict[str, Any]:
    return {
        "n": layer.n,
        "upper": number(layer.upper),
        "lower": number(layer.lower),
        "functions": layer.functions,
        "operator_upper": number(layer.operator),
        "entrance_upper": number(layer.entrance),
        "interior_upper": number(layer.interior.upper),
        "interior_lower": number(layer.interior.lower),
        "dobrushin": _maybe(layer.dobrushin),
        "lipschitz": _maybe(layer.lipschitz),
        "rests_on": {
            "density_norm_squared": [number(end) for end in layer.density],
            "volume_next": [number(end) for end in layer.volume],
            "measure_ratio": [number(end) for end in layer.ratio],
        },
        "notes": {
            "method": layer.method,
            "noise": layer.noise,
            "standing": str(layer.standing),
            "estimate": _estimate(layer.estimate),
            "interior_estimate": _estimate(layer.interior.estimate),
            "reason": layer.reason,
            "dobrushin_reason": layer.dobrushin_reason,
            "lipschitz_reason": layer.lipschitz_reason,
        },
    }


def _content(certificate: Certificate) -> dict[str, Any]:
    return {
        "model": certificate.model,
        "layers": [_layer(layer) for layer in certificate.layers],
        "memory_bounds": [
            {"n": n, "m": m, "bound": number(certificate.single_step_bound(n, m))}
            for n, m in memory_pairs(certificate.depth)
        ],
        "dobrushin_windows": [_window(window) for window in certificate.dobrushin_windows],
        "lipschitz_windows": [_window(window) for window in certificate.lipschitz_windows],
        "contracts": certificate.contracts.decision,
    }


def load(source: Any) -> dict[str, Any]:
    """The JSON object of a certificate, its digest checked.

    Raises
    ------
    MzError
        When it is unreadable, no certificate, or altered.
    """
    where = "certificate"
    text = source
    if isinstance(source, Path) or (isinstance(source, str) and not source.lstrip().startswith("{")):
        where = str(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MzError(f"The file cannot be read: {error}", where, "Give the path of a certificate") from None
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, TypeError, RecursionError) as error:
        raise MzError(f"This is no JSON: {error}", where, "Give what Certificate.to_json wrote") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise MzError("This is no mzsym certificate", where, "Give what Certificate.to_json wrote")
    if content.get("kind", KIND) != KIND:
        raise MzError(f"This is a file of the kind {content['kind']!r}", where, "Give what Certificate.to_json wrote")
    if content.get("format_version") != FORMAT_VERSION:
        raise MzError(
            f"The certificate has format version {content.get('format_version')!r}",
            where,
            f"This version of mzsym reads format version {FORMAT_VERSION}",
        )
    if content.get("sha256") != digest(content):
        raise MzError("The digest does not fit the content", where, "Make the certificate anew; this one was altered")
    return content


def read(source: Any) -> dict[str, Any]:
    """The fields of the certificate in JSON text or in a file, its digest checked."""
    content = load(source)
    try:
        return {
            "layers": tuple(_read_layer(layer) for layer in content["layers"]),
            "dobrushin_windows": tuple(_read_window(window) for window in content["dobrushin_windows"]),
            "lipschitz_windows": tuple(_read_window(window) for window in content["lipschitz_windows"]),
            "projection": str(content["notes"]["projection"]),
            "measure": str(content["model"]["projection"]["measure"]),
            "method": str(content["notes"]["method"]),
            "model_digest": str(content["model"]["network_sha256"]),
            "model": dict(content["model"]),
            "versions": tuple((str(name), str(value)) for name, value in content["notes"]["versions"].items()),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MzError(f"The certificate is incomplete: {error}", "certificate", "Make it anew") from None


def _float(number: dict[str, Any]) -> float:
    return float.fromhex(number["hex"])


def _pair(numbers: list[dict[str, Any]]) -> tuple[float, float]:
    low, high = numbers
    return _float(low), _float(high)


def _read_maybe(number: dict[str, Any] | None) -> float | None:
    return None if number is None else _float(number)


def _read_window(content: dict[str, Any]) -> Window:
    return Window(int(content["n"]), int(content["m"]), _float(content["bound"]), str(content["method"]))


def _read_estimate(content: dict[str, Any] | None) -> Estimate | None:
    if content is None:
        return None
    value, error, second = (_float(content[key]) for key in ("value", "error", "second"))
    return Estimate(value, error, second, int(content["degrees"]))


def _read_layer(content: dict[str, Any]) -> LayerBound:
    rests_on, notes = content["rests_on"], content["notes"]
    return LayerBound(
        n=int(content["n"]),
        upper=_float(content["upper"]),
        lower=_float(content["lower"]),
        method=str(notes["method"]),
        functions=int(content["functions"]),
        standing=Standing(notes["standing"]),
        operator=_float(content["operator_upper"]),
        entrance=_float(content["entrance_upper"]),
        interior=Interior(
            _float(content["interior_upper"]),
            _read_estimate(notes["interior_estimate"]),
            _float(content["interior_lower"]),
        ),
        estimate=_read_estimate(notes["estimate"]),
        reason=str(notes["reason"]),
        noise=str(notes["noise"]),
        density=_pair(rests_on["density_norm_squared"]),
        volume=_pair(rests_on["volume_next"]),
        ratio=_pair(rests_on["measure_ratio"]),
        dobrushin=_read_maybe(content["dobrushin"]),
        lipschitz=_read_maybe(content["lipschitz"]),
        dobrushin_reason=str(notes["dobrushin_reason"]),
        lipschitz_reason=str(notes["lipschitz_reason"]),
    )
