"""Lists all probes and stresses: ``probe.<family>.<variant>``, ``stress.<axis>.<strength>``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from training.evaluation.probes import bars, cells, light
from training.evaluation.probes.field import Rgb, jpeg, png

PROBE, STRESS = "probe.", "stress."

FAMILIES = {
    "control": ("Stored again, nothing changed", "same"),
    "bar_in": ("Scale bar painted in", "same"),
    "bar_out": ("Scale bar painted out", "same"),
    "background": ("Background colour of another slide", "same"),
    "hue": ("Hue turned", "same"),
    "brightness": ("Brightness changed", "same"),
    "nuclei_only": ("Nothing left but nuclei", "same"),
    "cells_blanked": ("Nuclei painted over", "doubt"),
}
"""Title of each family, and what a reader of cells would do: answer the same, or
ask for review (the report says "doubt")."""

AXES = {
    "hed": ("Amounts of the dyes", "largest change, share", 0.0),
    "gamma": ("Gamma", "exponent", 1.0),
    "hue": ("Hue", "degrees", 0.0),
    "saturation": ("Saturation", "factor", 1.0),
    "blur": ("Blur", "sigma, pixels", 0.0),
    "jpeg": ("JPEG", "quality", 100.0),
    "noise": ("Noise", "standard deviation, grey levels", 0.0),
}
"""Title, unit and the strength that changes nothing (for JPEG: the field as it came)."""


Changing = Callable[[Rgb, Rgb, np.random.Generator], Rgb]
"""Makes a field of a field, a field of another slide, and a source of chance."""


class Change(NamedTuple):
    """One way to change a field."""

    name: str
    title: str
    change: Changing
    store: Callable[[Rgb], bytes] = png

    def __call__(self, field: Rgb, donor: Rgb, rng: np.random.Generator) -> bytes:
        """Return the changed field as a file."""
        return self.store(self.change(field, donor, rng))


def probes() -> list[Change]:
    """Return every probe: a change that must not change the answer, or that takes its ground."""
    return [Change(f"{PROBE}{name}", title, change) for name, title, change in _probes()]


def _probes() -> Iterator[tuple[str, str, Changing]]:
    yield "control.png", "as it is", _alone(_same)
    for style in bars.STYLES:
        for corner in bars.CORNERS:
            if style == "large_200" and corner != "lower_right":
                continue  # differs from large_500 by one digit
            title = f"{style.replace('_', ' ')}, {corner.replace('_', ' ')}"
            change = partial(bars.paint, style=style, corner=corner)
            yield f"bar_in.{style}-{corner}", title, _alone(change)
    yield "bar_out.inpainted", "filled in from around it", _alone(bars.inpaint)
    yield "bar_out.blanked", "one colour", _alone(bars.blank)
    yield "background.swapped", "behind unchanged cells", _donated(cells.swap_background)
    for degrees in (-20, -10, -5, 5, 10, 20):
        change = partial(light.turn_hue, degrees=degrees)
        yield f"hue.{degrees:+d}", f"by {degrees:+d} degrees", _alone(change)
    for percent in (-15, -10, -5, 5, 10, 15):
        change = partial(light.brighten, percent=percent)
        yield f"brightness.{percent:+d}", f"by {percent:+d}%", _alone(change)
    yield "nuclei_only.on_background", "on the background's colour", _drawn(cells.only_nuclei)
    for fill in ("background", "red_cells", "inpainted"):
        change = partial(cells.blank, fill=fill)
        yield f"cells_blanked.{fill}", fill.replace("_", " "), _drawn(change)


def stresses() -> list[Change]:
    """Return every stress: one kind of change in growing strengths."""
    steps: list[tuple[str, tuple[float, ...], Callable[[float], Changing]]] = [
        ("hed", (0.1, 0.2, 0.4, 0.6), lambda s: _drawn(partial(light.restain, strength=s))),
        ("gamma", (0.5, 0.7, 1.4, 2), lambda s: _alone(partial(light.gamma, exponent=s))),
        (
            "hue",
            (-90, -45, -20, 20, 45, 90),
            lambda s: _alone(partial(light.turn_hue, degrees=s)),
        ),
        ("saturation", (0, 0.5, 1.5, 2), lambda s: _alone(partial(light.saturate, factor=s))),
        ("blur", (0.6, 1, 1.5, 2.5), lambda s: _alone(partial(light.blur, sigma=s))),
        ("noise", (4, 8, 16, 32), lambda s: _drawn(partial(light.noise, deviation=s))),
    ]
    changes = [
        Change(f"{STRESS}{axis}.{strength:g}", f"{axis} {strength:g}", change(strength))
        for axis, strengths, change in steps
        for strength in strengths
    ]
    return changes + [
        Change(f"{STRESS}jpeg.{q}", f"jpeg {q}", _alone(_same), partial(jpeg, quality=q))
        for q in (10, 25, 50, 75)
    ]


def describe(name: str) -> tuple[str, str]:
    """Return family and title of a probe's name, also of one that is no longer in the catalogue."""
    family, _, variant = name.removeprefix(PROBE).partition(".")
    return family, _TITLES.get(name, variant)


def strength(name: str) -> tuple[str, float]:
    """Return axis and strength of a stress's name."""
    axis, _, value = name.removeprefix(STRESS).partition(".")
    return axis, float(value)


def _same(field: Rgb) -> Rgb:
    return field


def _alone(change: Callable[[Rgb], Rgb]) -> Changing:
    return lambda field, donor, rng: change(field)


def _donated(change: Callable[[Rgb, Rgb], Rgb]) -> Changing:
    return lambda field, donor, rng: change(field, donor)


def _drawn(change: Callable[[Rgb, np.random.Generator], Rgb]) -> Changing:
    return lambda field, donor, rng: change(field, rng)


_TITLES = {each.name: each.title for each in probes()}
