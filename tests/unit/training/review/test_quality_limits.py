from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.review.made import AT, quality
from training.review import quality_limits

KNOWN = quality(500)


def beyond(field: dict[str, float], found: quality_limits.Limits) -> list[str]:
    return [
        name
        for name, bounds in found.items()
        if not bounds.get("min", -1e9) <= field[name] <= bounds.get("max", 1e9)
    ]


def named(row: int, **changes: float) -> dict[str, float]:
    return {name: float(KNOWN[row, place]) for name, place in AT.items()} | changes


def test_nearly_every_known_field_lies_inside() -> None:
    found = quality_limits.quality(KNOWN) | quality_limits.leukocytes(KNOWN)
    found |= quality_limits.scale(KNOWN)
    outside = [row for row in range(len(KNOWN)) if beyond(named(row), found)]
    assert len(outside) <= quality_limits.RARE * len(KNOWN)


@pytest.mark.parametrize(
    ("name", "value"),
    [("sharpness", 1.0), ("clipped_dark", 0.2), ("nuclei_edge", 0.2), ("brightness", 0.9)],
)
def test_poor_fields_lie_outside(name: str, value: float) -> None:
    assert beyond(named(0, **{name: value}), quality_limits.quality(KNOWN)) == [name]


@pytest.mark.parametrize("name", ["nuclei_share", "nuclei_purple"])
def test_a_field_needs_nuclei_in_their_own_colour(name: str) -> None:
    found = quality_limits.leukocytes(KNOWN)
    assert beyond(named(0), found) == []
    assert beyond(named(0, **{name: 0.0}), found) == [name]
    lowest = KNOWN[:, AT[name]].min()
    assert 0 < found[name]["min"] < lowest


def test_an_answer_needs_three_leukocytes() -> None:
    found = quality_limits.few()
    assert beyond(named(0, leukocytes=2.0), found) == ["leukocytes"]
    assert beyond(named(0, leukocytes=3.0), found) == []


def test_red_cells_have_a_size_from_both_sides() -> None:
    sizes = KNOWN[:, AT["red_cell_size"]]
    found = quality_limits.scale(KNOWN)
    usual = float(np.median(sizes))
    assert beyond(named(0, red_cell_size=usual), found) == []
    for size in (float(sizes.min()) / 2, float(sizes.max()) * 2):
        assert beyond(named(0, red_cell_size=size), found) == ["red_cell_size"]
    nothing = KNOWN.copy()
    nothing[:, AT["red_cell_size"]] = 0
    assert quality_limits.scale(nothing) == {}
