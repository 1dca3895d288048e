"""Writes the report as one HTML file: no script, no network, plots inline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from training.report import canvas, palette
from training.report.blocks import Section
from training.report.reading import OWN_IMAGES, Figures, at
from training.report.sections import (
    aims,
    backbones,
    curves,
    laboratories,
    made,
    maps,
    protocols,
    review,
    shortcuts,
    slides,
    verdict,
)

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
SECTIONS: Final[tuple[Callable[[Figures], Section], ...]] = (
    verdict.section,
    aims.section,
    protocols.section,
    slides.section,
    backbones.section,
    curves.confusions,
    curves.thresholds,
    review.calibration,
    review.review,
    review.outside,
    laboratories.section,
    shortcuts.probing,
    shortcuts.stressing,
    maps.section,
    made.cost,
    made.method,
    made.provenance,
    protocols.appendix,
    backbones.appendix,
    shortcuts.variants,
)


def sections(figures: Figures) -> list[Section]:
    """Return all sections, in order; what was not measured is in them as such.

    The project's goals are for the released backbones alone.
    """
    left_out = (aims.section,) if at(figures, OWN_IMAGES) else ()
    return [make(figures) for make in SECTIONS if make not in left_out]


def render(figures: Figures) -> str:
    """Return the whole page. The same figures give the same bytes."""
    from markupsafe import Markup

    template = environment().get_template("report.html.j2")
    return str(
        template.render(
            sections=sections(figures),
            commit=at(figures, "provenance", "git_commit"),
            made=at(figures, "provenance", "made"),
            style=Markup(_style()),  # noqa: S704 -- our own file, not input
            svg=lambda panel: Markup(canvas.svg(panel)),  # noqa: S704 -- canvas escapes its texts
        )
    )


def environment(**options: Any) -> Any:
    """Return Jinja over this package's templates, which escapes and refuses missing names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    settings = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(  # noqa: S701 -- on by default; only Markdown turns it off
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, **{**settings, **options}
    )


def _style() -> str:
    """Return the style sheet after the colours, light and dark, that page and plots share."""
    colours = palette.variables().values()
    light = "".join(f"--{name}:{value};" for name, value, _ in colours)
    dark = "".join(f"--{name}:{value};" for name, _, value in colours)
    return (
        f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        + (TEMPLATES / "style.css").read_text(encoding="utf-8")
    )
