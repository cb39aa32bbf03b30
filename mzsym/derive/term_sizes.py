"""Sizes of the terms of one equation before anything is expanded, each stretch of alike layers once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mzsym.derive.chains import Chain, chain_of
from mzsym.derive.pairings import Ground
from mzsym.derive.sizes import (
    Estimate,
    LayerSize,
    Stretch,
    check_width,
    estimate_correlation,
    estimate_pairs,
    estimate_product,
    layer_size,
)

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank, TotalDegree

HOPELESS = 1e12
"""Operations above which a size is not followed further."""

NOTHING = Estimate(0.0, 0)
"""Size of a term that vanishes."""


class TermSizes:
    """Sizes of the C(n,m), K(n,m) and c_n of a network under polynomials in a box measure."""

    def __init__(self, network: Network, projection: FiniteRank) -> None:
        self.network, self.projection = network, projection
        self._alike: dict[Chain, LayerSize] = {}
        self._layers: list[LayerSize] = []
        self._correlations: dict[object, Estimate] = {}
        self._memory: dict[object, Estimate] = {}

    def stretch(self, n: int, m: int) -> Stretch:
        """The sizes of layers n..m-1; equal where layer by layer they are alike."""
        while len(self._layers) < m:
            k = len(self._layers)
            check_width(k, self.network.dims[k + 1], self.network.dims[k])
            layer, _ = chain_of(self.network, k, k + 1)
            self._layers.append(self._alike.setdefault(layer, layer_size(layer)))
        return Stretch(tuple(self._layers[n:m]), self.network.dims[m])

    def alike(self, n: int, m: int) -> object:
        """A key that is equal for stretches of layers whose terms are of one size."""
        return self.stretch(n, m)

    def correlation(self, n: int, m: int) -> Estimate:
        """Size of C(n,m) written out."""
        key = self.alike(n, m)
        if key not in self._correlations:
            self._correlations[key] = self._correlation(n, m)
        return self._correlations[key]

    def _correlation(self, n: int, m: int) -> Estimate:
        polynomials: TotalDegree = self.projection  # type: ignore[assignment]
        return estimate_correlation(self.stretch(n, m), polynomials)

    def memory(self, n: int, m: int) -> Estimate:
        """Size of K(n,m) written out by MATH (14), from the sizes of the C(l,m) and K(n,l)."""
        total = NOTHING
        for k in range(n + 1, m + 1):
            key = self.alike(n, k)
            if key not in self._memory:
                self._memory[key] = self._memory_step(n, k)
            total = self._memory[key]
            if total.operations > HOPELESS:
                # It only grows from here.
                break
        return total

    def _memory_step(self, n: int, k: int) -> Estimate:
        """The same from the sizes of K(n,l), l < k, all known."""
        total = self.correlation(n, k)
        for between in range(n + 1, k):
            shape = self._rank(n), self._rank(between), self._rank(k)
            known = self._memory[self.alike(n, between)]
            total = total.plus(estimate_product(known, self.correlation(between, k), *shape))
        return total

    def coefficients(self, n: int) -> Estimate:
        """Size of c_n written out."""
        depth, dims = self.network.depth, self.network.dims
        whole = self.correlation(n, depth) if n < depth else Estimate(50.0 * self._rank(n), dims[n])
        share = max(1, self._rank(depth)) if n < depth else 1
        return Estimate(whole.operations / share * len(self.network.observable_exprs), whole.dimension)

    def _rank(self, n: int) -> int:
        return self.projection.size(self.network.dims[n])


class PairSizes(TermSizes):
    """The same for any functions and measure; in the law of the state the layers before n count too."""

    def __init__(self, network: Network, projection: FiniteRank, ground: Ground) -> None:
        super().__init__(network, projection)
        self._boxed, self._law = ground.boxed, ground.measure == "law"

    def alike(self, n: int, m: int) -> object:
        return (n, m) if self._law or n == m else super().alike(n, m)

    def _correlation(self, n: int, m: int) -> Estimate:
        first = 0 if self._law else n
        return estimate_pairs(self.stretch(first, m), n - first, self.projection, self._boxed, self._law)
