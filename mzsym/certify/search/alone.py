"""One layer of a network on its own boxes: ||Q_n M_n|| depends on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError
from mzsym.model import Network

if TYPE_CHECKING:
    from mzsym.model import Box


def alone(net: Network, n: int) -> Network:
    """Layer n as a network of depth 1, between the same boxes.

    Given boxes stay given; otherwise Omega_{n+1} follows from Omega_n, as it does in the whole network.

    Parameters
    ----------
    net : Network
    n : int
        0 <= n < L.

    Returns
    -------
    Network
    """
    layer = net.layers[n]
    if net.given_domains is not None and net.has_domains:
        return Network([layer], domains=net.domains[n : n + 2], shared=net.shared)
    return Network([layer], domain=_box(net, n), shared=net.shared)


def _box(net: Network, n: int) -> Box | None:
    """Omega_n; None where X_n lies in no box."""
    if n == 0 or net.domain is None:
        return net.domain if n == 0 else None
    if not all(layer.bounded_noise for layer in net.layers[:n]):
        return None
    # Only the layers before: the noise of this one may be unbounded, or have no scale yet.
    return Network(net.layers[:n], domain=net.domain, shared=net.shared).domains[n]


def checked_index(net: Network, n: Any, where: str) -> int:
    """A layer that there is.

    Raises
    ------
    MzError
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n < net.depth:
        raise MzError(f"There is no layer {n!r}", where, f"Use 0 <= n <= {net.depth - 1}")
    return int(n)
