"""Spectral collocation on tensor Gauss-Legendre grids, for states of dimension 1 to 3.

A function on Omega_m is its tensor Legendre series. One step of M_n is

1. smoothing: the series of v becomes that of z -> E v(z + xi_n). Polynomials go to polynomials, MATH (17), so this is
   one matrix per coordinate and exact up to rounding for every noise law; no closed form of the network is needed, and
   where there is one the result equals it up to rounding and the next step's interpolation;
2. composition: that series at z = F_n(x), x on the grid of Omega_n;
3. analysis: the Legendre coefficients of the interpolant.

Only step 3 is approximate. M_n does not expand the largest absolute value, so the errors of the layers add up and do
not grow. Sizes are chosen per layer and coordinate until the coefficients have decayed and values between the nodes
agree; then everything is computed once more on other, finer grids, and the difference is reported as the accuracy
reached: an estimate, not a proof.
"""
