"""Hostile input for the model-file reader, the weights reader and the command line.

``python -m tests.fuzz --inputs 100000`` runs it; see ``CONTRIBUTING.md``.
"""
