"""Names who does something: a person of the store, or the program itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something; ``user_id`` is None for the program itself."""

    name: str
    user_id: int | None = None


SYSTEM: Final = Actor("allclient")
"""The program: it stores answers, and runs commands of whoever owns the machine."""
