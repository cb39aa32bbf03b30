"""The adjoint of the panel scheme: derivatives of what composite panels carry, MATH (40) to (42).

``transition`` pulls derivatives through one average over noise, ``stages`` hands them to the parameters of a layer,
``tables`` goes through the orthonormalisation, ``sweep`` runs the pass.
"""
