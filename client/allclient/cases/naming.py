"""Finds the case that a file belongs to: by its folder, or by a pattern of its path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from allclient.errors import ConfigurationError

NO_CASE: Final = "(no case)"
"""The case of files that the pattern does not fit."""

FOLDER: Final = "folder"
ALL: Final = "all"
_NAME: Final = "{case}"


@dataclass(frozen=True, slots=True)
class CaseBy:
    """A way to group files: by ``folder``, ``all`` together, or a pattern with ``{case}``.

    A pattern is compared with the end of the path, from the start of a file's or a folder's name:
    ``{case}`` stands for the name of the case and ``*`` for any characters, each for as few as can
    be and neither for a ``/``. So of ``slides/P12/S1_003.png`` the pattern ``{case}/*`` takes
    ``P12`` and ``{case}_*`` takes ``S1``.

    Raises:
        ConfigurationError: a pattern has no ``{case}``, or two of them.
    """

    how: str = FOLDER

    def __post_init__(self) -> None:
        if self.how not in (FOLDER, ALL) and self.how.count(_NAME) != 1:
            raise ConfigurationError(
                f"cases by {self.how!r}: a pattern holds {_NAME} once, as in '{_NAME}_*.png' "
                f"or '{_NAME}/*'; or say '{FOLDER}' or '{ALL}'"
            )

    def case_of(self, file: str) -> str:
        """Return the name of the case that a path belongs to."""
        if self.how == ALL:
            return ALL
        path = file if os.sep == "/" else file.replace(os.sep, "/")
        if self.how == FOLDER:
            folder = path.rpartition("/")[0]
            return folder or ("/" if path.startswith("/") else ".")
        match = _expression(self.how).search(path)
        return match["case"] if match else NO_CASE


def _expression(pattern: str) -> re.Pattern[str]:
    parts = {_NAME: "(?P<case>[^/]+?)", "*": "[^/]*?"}
    pieces = re.split(r"(\{case\}|\*)", pattern)
    text = "".join(parts.get(piece, re.escape(piece)) for piece in pieces)
    return re.compile(rf"(?:^|/){text}$", re.DOTALL)  # re keeps the last hundreds compiled
