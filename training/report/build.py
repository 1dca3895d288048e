"""Builds report.json, report.html, the pictures and the model card from saved predictions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training.evaluation import figures as computed
from training.report import card, page, pictures
from training.report.reading import OWN_IMAGES, Figures

STAMPS: Final = ("made", "git_commit", "versions")
"""What ``record.stamped`` adds: it changes with every run and says nothing about the figures."""


def build(
    predictions: Path, policy: Path, out: Path, card_path: Path, *, own_images: bool = False
) -> list[Path]:
    """Compute every figure and write all outputs; return what was written.

    The same predictions and policy give the same bytes: figures that have not changed keep the
    stamp of the report.json that is there.

    Args:
        own_images: the backbones were trained on other images than the released ones, of which page
            and card then say nothing.

    Raises:
        PredictionsError, PolicyError: what the figures are computed from cannot be used.
        ValueError: a training record beside the card is no JSON.
    """
    figures = computed.compute(predictions, policy)
    if own_images:
        figures = {**figures, OWN_IMAGES: True}
    return write(figures, out, card_path)


def write(figures: Figures, out: Path, card_path: Path) -> list[Path]:
    """Write report.json, report.html, the pictures and the card of these figures."""
    out.mkdir(parents=True, exist_ok=True)
    card_path.parent.mkdir(parents=True, exist_ok=True)
    path = out / "report.json"
    figures = _keep_stamp(finite(figures), path)
    texts = {
        path: as_json(figures),
        out / "report.html": page.render(figures),
        card_path: card.render(figures, card.records(card_path.parent)),
    }
    for place, text in texts.items():
        temporary = place.with_name(f"{place.name}.tmp")
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(place)
    return [*texts, *pictures.draw(figures, out)]


def as_json(figures: Figures) -> str:
    """Write figures as indented JSON with lists of plain values on one line, for readable diffs."""
    text = json.dumps(figures, indent=1, allow_nan=False, ensure_ascii=False)
    return re.sub(r"\[\n([^\[\]{}]*?)\n\s*\]", _one_line, text) + "\n"


def finite(value: Any) -> Any:
    """Return the same with null for what is no finite number: JSON has no other word for it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list | tuple) else value


def _one_line(match: re.Match[str]) -> str:
    return "[" + " ".join(line.strip() for line in match[1].splitlines()) + "]"


def _keep_stamp(figures: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the figures with the stamp of the file that is there, if nothing else differs."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        old = before["provenance"]
    except (OSError, ValueError, KeyError, TypeError):
        return figures  # no report there, or none of ours: nothing to keep
    kept = {name: old[name] for name in STAMPS if name in old}
    stamped = {**figures, "provenance": {**figures.get("provenance", {}), **kept}}
    return stamped if stamped == before else figures
