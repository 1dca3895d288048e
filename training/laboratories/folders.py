"""The folders that a command is given, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.data import pictures as reading
from training.data.pictures import Picture
from training.data.sample import DatasetError


def pictures(folders: Sequence[Path], healthy: Sequence[Path] = ()) -> list[Picture]:
    """Return all pictures of folders as of ``pictures.read``, and of folders of healthy fields.

    Raises:
        DatasetError: two folders hold one source, or as of ``pictures.read``.
    """
    every: list[Picture] = []
    for folder in [*folders, *healthy]:
        read = reading.read_healthy if folder in healthy else reading.read
        new = read(folder)
        twice = {each.source for each in every} & {each.source for each in new}
        if twice:
            raise DatasetError(f"{folder} holds {', '.join(sorted(twice))}, which was read before")
        every += new
    return every
