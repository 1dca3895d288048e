"""Writes a data set of links: split.csv and what it lists, in a folder of its own.

The folder of the images stays as it is, so it may be read-only, and files that cannot be read are
left out of the listing without a change to the listing that somebody made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.data import listing

Rows = Sequence[dict[str, str]]


def rows(root: Path, sha256: dict[Path, str]) -> list[dict[str, str]]:
    """Return the rows of ``root``'s own split.csv whose images could be read, with their hashes.

    sha256: of the files that could be read.
    """
    table = pd.read_csv(root / listing.FILE, dtype=str, keep_default_na=False)
    table["sha256"] = [sha256.get(root / path, "") for path in table["path"]]
    kept = table[table["sha256"] != ""]
    return [{str(name): str(row[name]) for name in row} for row in kept.to_dict("records")]


def write(root: Path, out: Path, rows: Rows) -> Path:
    """Write ``out``/split.csv and links to what it lists in ``root``; return the listing's path.

    Raises:
        DatasetError: ``out`` has a split.csv already.
    """
    listing.refuse_another(out)
    out.mkdir(parents=True, exist_ok=True)
    for name in sorted({Path(row["path"]).parts[0] for row in rows}):
        link = out / name
        if link.is_symlink():
            link.unlink()
        link.symlink_to((root / name).resolve())
    return listing.write(out, rows)
