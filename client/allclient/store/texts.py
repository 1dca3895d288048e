"""Text that people wrote, as every database can keep it."""

from __future__ import annotations

import unicodedata
from typing import Final

from allclient.errors import RefusedError

MAX_COMMENT: Final = 4000
"""Characters of a comment."""

_KEPT: Final = {"\n", "\t"}
_UNWRITTEN: Final = {"Cc", "Cs"}
"""Control characters, such as NUL, and halves of characters: nobody can see or type them."""


def clean(text: str) -> str:
    """A text without what no database keeps, and without space around it."""
    seen = (c for c in text if c in _KEPT or unicodedata.category(c) not in _UNWRITTEN)
    return "".join(seen).strip()


def comment(text: str) -> str:
    """A comment as it is kept. Raises RefusedError for one that is too long."""
    cleaned = clean(text)
    if len(cleaned) > MAX_COMMENT:
        raise RefusedError(f"a comment has at most {MAX_COMMENT} characters")
    return cleaned
