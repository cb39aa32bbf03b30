"""Composite Gauss panels: the engine for whatever the spectral one does not take, in dimension 1 to 3.

A function on Omega_m is a Legendre series on each panel of a tensor grid; in one dimension panels end wherever the
function, or what noise makes of it, is not smooth. A law is a piecewise polynomial density, so one step of M_n,

    (M_n v)(x) = E v(F_n(x) + G_n(x) xi),

is a finite sum, exact to rounding for the series at hand: *rows* of averaged panel functions, one per point x. Random
weights and noise that mixes components are averaged by a quadrature rule of their laws around it. The same rows carry
a law forward: E phi(X_{n+1}) = E[row at X_n], which gives the weights of the measure "law" and duality to rounding.

``grid`` holds functions, ``transition`` a layer's rows, ``breaks`` the places where panels must end, ``lower`` makes
a network into numbers, ``choose`` refines, ``sweep`` runs a pass, ``engine`` compares two of them.
"""
