"""``python -m mzsym.cli``."""

from mzsym.cli.main import main

main()
