"""The forward side in numbers: the law of X_0 as weights of points, and laws of later states as functions.

``source`` reads a law of X_0 and ``averages`` integrates against it; ``forward`` (one level up) makes the tables of
MATH (13) of that. In one dimension ``propagate`` carries a density through the layers, panel by panel, so that every
place where it is not smooth ends a panel; ``push`` is the law of a function of a state. In two and three dimensions
``weak`` carries the law as weights of a grid and averages the last noise exactly. ``state_law`` is what a user gets.
"""
