"""Stores the policies that judge slides left out, beside the predictions they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit import served
from training import record


def place(folder: Path, fold: str) -> Path:
    """Return ``folder/slides/policies/<fold>.json``."""
    return folder / "slides" / "policies" / f"{fold}.json"


def save(folder: Path, policies: dict[str, dict[str, Any]]) -> list[Path]:
    """Write one file for each fold; return their paths."""
    for fold, policy in policies.items():
        path = place(folder, fold)
        path.parent.mkdir(parents=True, exist_ok=True)
        record.write(path, policy)
    return [place(folder, fold) for fold in policies]


def load(folder: Path, fold: str) -> Any:
    """Return the policy that judges one fold, as the vote loads it.

    The served policy knows the stain of every slide, so it must not judge an answer to a slide
    as if that slide had been new.

    Raises:
        PolicyError: missing or broken; the message names the file.
    """
    return served.majority.Policy.load(place(folder, fold))
