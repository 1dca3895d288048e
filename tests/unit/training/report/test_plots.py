from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from training.report import canvas, palette, pictures
from training.report.canvas import Panel
from training.report.plots import (
    cams,
    confusion,
    coverage,
    curves,
    forest,
    marks,
    probes,
    reliability,
    slides,
    stress,
)


def panels(figures: Any, protocol: str) -> list[Panel | None]:
    return [
        forest.forest(figures, protocol, "accuracy", 0.9),
        curves.roc(figures, protocol),
        curves.precision_recall(figures, protocol),
        reliability.reliability(figures, protocol),
        coverage.coverage(figures, protocol, "label"),
        confusion.confusion(figures, protocol, "majority"),
        cams.cams(figures, protocol),
        slides.slides(figures, protocol, "label"),
        probes.probes(figures),
        stress.stress(figures, "blur"),
    ]


def test_nothing_measured_is_nothing_drawn() -> None:
    assert panels({}, "known") == [None] * 10
    empty = {"ways": {"known": {"voters": {}, "mcnemar": [], "coverage": None, "review": None}}}
    assert panels(empty, "known") == [None] * 10


def test_every_plot_says_its_figures_in_words(figures: dict[str, Any]) -> None:
    for panel in panels(figures, "known"):
        assert panel is not None
        assert re.search(r"\d", panel.alt), panel.title
        assert not re.search(r"\bnan\b|None", panel.alt)


def test_a_plot_is_one_accessible_element_in_the_pages_colours() -> None:
    def draw(ax: Any) -> None:
        ax.plot([1, 2], [3, 4], label="5 $ & <b> $", **marks.line("xception"))
        ax.legend()

    panel = Panel(draw, 'A "title" <i>', "What & why")
    text = canvas.svg(panel)
    assert text == canvas.svg(panel)
    assert text.startswith("<svg")
    assert text.endswith("</svg>")
    assert "<i>" not in text
    assert "<b>" not in text
    assert 'role="img"' in text
    assert "<desc" in text
    assert "What &amp; why" in text
    assert "5 $ &amp; &lt;b&gt; $" in text
    assert "http" not in text
    assert "<style" not in text
    assert "DejaVu" not in text
    assert "var(--voter-xception)" in text
    assert not set(re.findall(r"#[0-9a-f]{6}\b", text)) & set(palette.variables())


def test_a_voter_has_a_look_of_its_own() -> None:
    styles = list(palette.STYLES.values())
    assert (
        len({style.colour for style in styles})
        == len({style.mark for style in styles})
        == len(styles)
    )
    assert palette.style("another") == palette.OTHER


@pytest.mark.parametrize("places", [[0.5, 0.5, 0.5], [0.99, 1.0, 0.2], [0.0] * 20, [], [0.3]])
def test_labels_keep_apart_and_inside(places: list[float]) -> None:
    moved = marks.apart(places, 0.1, 0.0, 1.0)
    gap = min(0.1, 1 / max(1, len(places) - 1))
    steps = sorted(moved)
    assert all(after - before > gap - 1e-9 for before, after in itertools.pairwise(steps))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in moved)
    assert sorted(range(len(places)), key=lambda i: (places[i], i)) == sorted(
        range(len(places)), key=lambda i: (moved[i], i)
    )


def test_pictures_stand_even_where_nothing_was_measured(tmp_path: Path) -> None:
    for path in pictures.draw({}, tmp_path):
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.width > 1000
            assert "Software" not in image.info
