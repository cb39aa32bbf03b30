"""``python -m mzsym``: the command line."""

from mzsym.cli.main import main

main()
