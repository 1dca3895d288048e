"""Chooses the images that are sent."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from allclient.contract import IMAGE_SUFFIXES

sys.path.append(str(Path(__file__).parents[2]))  # the checkout, for samples/ and toolkit/


def find(folder: Path, limit: int | None = None) -> list[Path]:
    """Return the images of a folder, at most ``limit``, spread over all of them.

    If the folder has a split.csv (columns path and split), they are those of its test part.
    """
    listing = folder / "split.csv"
    if listing.is_file():
        with listing.open(newline="", encoding="utf-8") as lines:
            paths = [
                folder / row["path"] for row in csv.DictReader(lines) if row["split"] == "test"
            ]
    else:
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    paths.sort()
    if not paths:
        sys.exit(f"no image in {folder}")
    if limit is None or limit >= len(paths):
        return paths
    step = len(paths) / limit
    return [paths[int(i * step)] for i in range(limit)]


def drawn(folder: Path, count: int = 64) -> Path:
    """Draw sample smears into a folder, as JPEG of the size that the public set has."""
    if not any(folder.glob("*.jpg")):
        from samples import render

        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(render.encoded(count=count, seed=1, format="JPEG")):
            (folder / f"drawn-{number:03d}.jpg").write_bytes(data)
    return folder
