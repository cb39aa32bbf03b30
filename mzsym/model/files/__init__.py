"""Model files: TOML that holds data only. The schema is docs/model-files.md."""

from mzsym.model.files.cursor import Cursor
from mzsym.model.files.grammar import parse_expression
from mzsym.model.files.printer import print_expression
from mzsym.model.files.reader import read_network, read_options
from mzsym.model.files.source import Source, open_source
from mzsym.model.files.writer import write_model

__all__ = [
    "Cursor",
    "Source",
    "open_source",
    "parse_expression",
    "print_expression",
    "read_network",
    "read_options",
    "write_model",
]
