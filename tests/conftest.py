"""Hypothesis without deadlines: a busy machine is not a wrong answer.

Under continuous integration (CI=true) Hypothesis chooses its own profile, whose examples are the same in every run.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("unhurried")
