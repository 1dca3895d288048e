"""Knows a build of a program, and places in it where bytes are changed in a copy."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Change(NamedTuple):
    """One stretch of machine code or text; both have the same length."""

    place: int
    """In the file."""
    before: bytes
    after: bytes


class Program(NamedTuple):
    """One build, told by its build ID, and what is to be changed in it."""

    build_at: int
    build: bytes
    changes: tuple[Change, ...]

    def is_known(self, path: Path) -> bool:
        """Return whether the file is this build, to the byte wherever it is to be changed."""
        expected = [(self.build_at, self.build)]
        expected += [(change.place, change.before) for change in self.changes]
        try:
            with path.open("rb") as file:
                for place, data in expected:
                    file.seek(place)
                    if file.read(len(data)) != data:
                        return False
        except FileNotFoundError:
            return False
        return True

    def change(self, path: Path) -> None:
        """Change a copy of a file that ``is_known``, in place."""
        with path.open("r+b") as file:
            for change in self.changes:
                file.seek(change.place)
                file.write(change.after)


def code(place: int, before: str, after: str) -> Change:
    """Make a change of both in hexadecimal digits, with spaces between instructions."""
    return Change(place, bytes.fromhex(before), bytes.fromhex(after))
