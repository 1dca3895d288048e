"""Draws contact sheets, fields beside their views, for the eye."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from training.augment import mixing, random_view
from training.augment.config import PLAIN, AugmentConfig
from training.augment.field import Rgb
from training.data.samples import Sample

GAP = 4
HEAD = 18

EFFECTS: dict[str, tuple[str, ...]] = {
    "place": ("zoom", "stretch", "on_nuclei"),
    "new stain": ("new_stain",),
    "transfer": ("transfer",),
    "fourier": ("fourier",),
    "dyes": ("hed",),
    "channels": ("stain_scale", "stain_shift"),
    "hue, saturation": ("hue_degrees", "saturation"),
    "grey": ("grey",),
    "light": ("illumination", "illumination_depth"),
    "blur": ("blur",),
    "sharpen": ("sharpen",),
    "noise": ("noise",),
    "bar": ("bar",),
    "jpeg": ("jpeg",),
}
"""What one column of ``effects`` switches on; together they are all knobs but ``untouched_colour``.
"""

SHARES = (
    *("new_stain", "transfer", "fourier", "grey", "illumination"),
    *("blur", "sharpen", "noise", "bar", "jpeg"),
)


def alone(effect: str, config: AugmentConfig) -> AugmentConfig:
    """Return ``config`` with one of ``EFFECTS`` alone, and that in every view."""
    kept: dict[str, Any] = {
        knob: 1.0 if knob in SHARES else getattr(config, knob) for knob in EFFECTS[effect]
    }
    return dataclasses.replace(PLAIN, **kept)


def chosen(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Return ``count`` samples, or all: one at random from every slide in turn."""
    slides: dict[str, list[Sample]] = {}
    for place in np.random.default_rng(seed).permutation(len(samples)):
        sample = samples[place]
        slides.setdefault(sample.slide or sample.named, []).append(sample)
    rounds = zip_longest(*(slides[name] for name in sorted(slides)))
    return [sample for turn in rounds for sample in turn if sample is not None][:count]


def write(
    fields: Sequence[Rgb],
    out: Path,
    configs: Sequence[tuple[str, AugmentConfig]],
    *,
    side: int,
    seed: int = 0,
    donors: mixing.Donors | None = None,
    nuclei: npt.NDArray[np.bool_] | None = None,
    render: random_view.Render | None = None,
) -> None:
    """Write a PNG with a row for each field: the field first, then a view by each of ``configs``.

    Row r is made with the generator keyed on (seed, column, r), as field r of ``donors``.

    Args:
        fields: uint8 [224, 224, 3] each.
        configs: heading and config of each column.
        nuclei: bool [n, 224, 224], or None.
    """
    columns = [("field", list(fields))]
    for column, (name, config) in enumerate(configs):
        views = []
        for row, pixels in enumerate(fields):
            view = random_view.view(
                pixels,
                side,
                np.random.default_rng([seed, column, row]),
                config,
                partner=None if donors is None else partial(donors.other, row),
                render=render,
                nuclei=None if nuclei is None else nuclei[row],
            )
            views.append(view)
        columns.append((name, views))

    widths = [images[0].shape[1] + GAP for _, images in columns]
    height = max(fields[0].shape[0], side) + GAP
    sheet = Image.new("RGB", (sum(widths) + GAP, HEAD + height * len(fields)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    left = GAP
    for (name, images), width in zip(columns, widths, strict=True):
        draw.text((left, 2), name, "black", font)
        for row, image in enumerate(images):
            sheet.paste(Image.fromarray(image), (left, HEAD + row * height))
        left += width
    sheet.save(out)
