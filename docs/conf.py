"""Sphinx configuration: MyST pages, autodoc from the docstrings."""

project = "mzsym"
author = "The mzsym developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
autodoc_typehints = "description"
