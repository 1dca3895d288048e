"""Writes the table of what is read: ``python -m tests.kinds > docs/formats.md``."""

from tests.kinds.table import text

print(text(), end="")
