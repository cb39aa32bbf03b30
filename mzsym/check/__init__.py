"""Checking certificates by a program that shares no code with the one that made them: ``checker.py`` stands alone."""
