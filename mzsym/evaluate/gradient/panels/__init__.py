"""The adjoint of the panel scheme: derivatives of what composite panels carry, MATH (40) to (43).

Functions are followed at fixed places, and only the ends of measures move, unlike the spectral scheme, whose grids move
with the domains.

``transition`` pulls derivatives through one average over noise, ``stages`` hands them to the parameters of a layer,
``arrivals`` and ``jumps`` follow the places where functions jump, ``ends`` those where measures end, ``tables`` goes
through the orthonormalisation, ``sweep`` runs the pass.
"""
