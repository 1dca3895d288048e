"""Draws plots as inline SVG and as PNG, the same bytes for the same input.

A plot is a function that draws on one Axes. The page takes it alone, as a panel that fits a
phone; a picture sets several side by side.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.report import palette

Draw = Callable[[Any], None]
"""Draws on a matplotlib Axes."""


@dataclass(frozen=True)
class Panel:
    """One plot of the page."""

    draw: Draw
    title: str
    alt: str
    """What the plot says, for readers who cannot see it."""
    width: float = 4.2
    """Inches at the size of the type in ``palette.RC``."""
    height: float = 3.0


def svg(panel: Panel) -> str:
    """Return the panel as an inline ``<svg>`` element that follows the page's colours and font."""
    from matplotlib import rc_context

    name = "p" + hashlib.sha256(f"{panel.title}|{panel.alt}".encode()).hexdigest()[:10]
    buffer = io.StringIO()
    with rc_context({**palette.RC, "svg.hashsalt": name}):
        figure = _figure(panel.width, panel.height)
        panel.draw(figure.subplots())
        plain = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=plain)
    return _inline(buffer.getvalue(), name, panel)


def png(path: Path, rows: Sequence[Sequence[Panel]], heading: str) -> None:
    """Draw panels in rows as one PNG with a heading, for places that show no SVG of ours."""
    from matplotlib import rc_context

    width = max(sum(panel.width for panel in row) for row in rows)
    height = sum(max(panel.height for panel in row) for row in rows)
    with rc_context(palette.RC):
        figure = _figure(width, height + 0.5)
        figure.suptitle(heading, x=0.012, ha="left", fontsize=12, fontweight="bold")
        heights = [max(panel.height for panel in row) for row in rows]
        for part, row in zip(
            figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0],
            rows,
            strict=True,
        ):
            widths = [panel.width for panel in row]
            frames = part.subfigures(1, len(row), squeeze=False, width_ratios=widths)[0]
            for panel, frame in zip(row, frames, strict=True):
                panel.draw(frame.subplots())
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=150, metadata={"Software": None})


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # never a window, whatever the machine's settings say
    return figure


def _inline(text: str, name: str, panel: Panel) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]+;? ?", "", text)  # inherited from the page,
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]+", r"\1 var(--font)", text)  # before matplotlib 3.11
    for code, (variable, _, _) in palette.variables().items():
        text = text.replace(code, f"var(--{variable})")
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None  # matplotlib writes one
    head = (
        f'<svg class="plot" viewBox="{box[1]}" role="img" aria-labelledby="{name}-t {name}-d" '
        f'style="max-width:{round(panel.width * 105)}px">'
        f'<title id="{name}-t">{html.escape(panel.title)}</title>'
        f'<desc id="{name}-d">{html.escape(panel.alt)}</desc>'
    )
    return re.sub(r"<svg.*?>", lambda _: head, text, count=1, flags=re.S).strip()
