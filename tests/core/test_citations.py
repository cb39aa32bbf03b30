"""Every equation that code, documents and tests cite by number stands in docs/mathematics.md, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITED = re.compile(r"MATH\s+((?:\(\d+[a-z]?\)(?:,\s+|\s+and\s+|-|\s+to\s+)?)+)")


def test_cited_equations_are_there_and_have_numbers_of_their_own() -> None:
    tags = Counter(re.findall(r"\\tag\{(\d+[a-z]?)\}", (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")))
    assert tags and max(tags.values()) == 1, [tag for tag, count in tags.items() if count > 1]
    missing = set()
    for folder, ending in (
        ("mzsym", "py"),
        ("derivations", "py"),
        ("benchmarks", "py"),
        ("tests", "py"),
        ("docs", "md"),
    ):
        for path in (ROOT / folder).rglob(f"*.{ending}"):
            for listed in CITED.findall(path.read_text(encoding="utf-8")):
                missing |= {
                    (path.name, number) for number in re.findall(r"\((\d+[a-z]?)\)", listed) if number not in tags
                }
    assert not missing
