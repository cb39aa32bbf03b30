"""The version of mzsym, which files and reports name."""

VERSION = "0.2.0"
