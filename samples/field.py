"""Draws a whole field of view: cells on a stained smear under a lamp, seen by a camera."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from samples import cells
from samples.stains import STAINS

KINDS: Final = ("hematogones", "blasts", "red-cells")
"""Hematogone-like cells, blast-like cells, or red cells and platelets alone."""

LABELLED: Final = ("benign", "early_pre_b", "pre_b", "pro_b")
"""Kinds for a data set with labels: small round cells, and blasts of three looks that a program can
tell apart. The looks are invented; they do not show what the three stages look like."""

_WHITE_CELLS: Final[dict[str, Callable[..., cells.Nucleated]]] = {
    "hematogones": cells.hematogone,
    "blasts": cells.blast,
    "benign": cells.hematogone,
    "early_pre_b": partial(
        cells.blast,
        blasts=cells.Blasts((1.2, 1.4), (0.88, 0.94), nucleoli=(0, 0), cleft=0.0, chromatin=0.66),
    ),
    "pre_b": partial(
        cells.blast,
        blasts=cells.Blasts((1.7, 2.0), (0.60, 0.70), nucleoli=(0, 1), cleft=0.0, chromatin=0.95),
    ),
    "pro_b": partial(
        cells.blast,
        blasts=cells.Blasts((1.6, 1.9), (0.86, 0.92), nucleoli=(3, 5), cleft=1.0, chromatin=0.86),
    ),
}

RED_CELL: Final = 0.043
"""Radius of a red cell as a share of the field's height."""

Places = list[tuple[float, float, float]]


class Box(NamedTuple):
    """Where something was drawn, in pixels of the field; what lies outside of it is cut off."""

    left: int
    top: int
    width: int
    height: int


class Field(NamedTuple):
    """A field, and what is in it."""

    image: Image.Image
    nuclei: tuple[Box, ...]
    """One for each leukocyte that lies in the field, if only with a part."""
    smudges: tuple[Box, ...]
    """Crushed nuclei, which are purple but no cells any more."""


def draw(
    rng: np.random.Generator, *, kind: str, stain: str, height: int, width: int
) -> Image.Image:
    """Return one field as an RGB image of ``width`` x ``height`` pixels.

    ``kind`` is one of KINDS or LABELLED, ``stain`` a name in ``stains.STAINS``. The same state of
    ``rng`` gives the same field.
    """
    return draw_known(rng, kind=kind, stain=stain, height=height, width=width).image


def draw_known(
    rng: np.random.Generator, *, kind: str, stain: str, height: int, width: int
) -> Field:
    """The field that ``draw`` draws, and where its nuclei are."""
    colours = STAINS[stain]
    radius = RED_CELL * height * rng.uniform(0.85, 1.15)
    softness = max(0.8, height * rng.uniform(0.002, 0.004))
    shape = (height, width)
    white: Places = []
    boxes: list[Box] = []
    crushed: list[Box] = []
    red, nuclei, bodies, platelets, smudges = (np.zeros(shape, np.float32) for _ in range(5))

    if kind != "red-cells":
        for _ in range(rng.integers(5, 15)):
            place = _free(rng, shape, 1.9 * radius, white, overlap=0.85)
            if place is None:
                break
            cell = _WHITE_CELLS[kind](rng, radius, softness)
            _add(nuclei, cell.nucleus, place, top=1.35)
            _add(bodies, cell.cytoplasm, place, top=1.2)
            boxes += _box(cell.nucleus, place, shape)
            white.append((*place, 1.5 * radius))
        for _ in range(rng.integers(0, 3)):
            place = _free(rng, shape, radius, white, overlap=0.6)
            if place is not None:
                smudge = cells.smudge(rng, radius)
                _add(smudges, smudge, place)
                crushed += _box(smudge, place, shape, edge=0.1)

    _red_cells(rng, red, radius, softness, white)
    for _ in range(rng.integers(3, 14)):
        place = (rng.uniform(0, height), rng.uniform(0, width))
        _add(platelets, cells.platelet(rng, radius, softness), place)

    red *= np.clip(1 - 1.2 * (nuclei + bodies), 0, 1)
    density = np.stack([red, nuclei, bodies, platelets, smudges], axis=-1)
    absorbance = density @ np.array(
        [
            colours.red_cell,
            colours.nucleus,
            colours.cytoplasm,
            colours.platelet,
            colours.smudge,
        ],
        dtype=np.float32,
    )
    strength = rng.uniform(0.85, 1.2)
    light = _lamp(rng, height, width)[..., None] * np.array(colours.light, dtype=np.float32)
    passed = light * np.exp(np.float32(-np.log(10) * strength) * absorbance)
    return Field(_camera(rng, passed, blur=height * 0.0016), tuple(boxes), tuple(crushed))


def _red_cells(
    rng: np.random.Generator,
    density: cells.Density,
    radius: float,
    softness: float,
    white: Places,
) -> None:
    """Scatter red cells, some in short rolls, none over the middle of a white cell."""
    height, width = density.shape
    wanted = int(height * width / (radius * radius) * rng.uniform(0.14, 0.24))
    taken: Places = list(white)
    while wanted > 0:
        wanted -= 1
        place = _free(rng, (height, width), radius, taken, overlap=0.93)
        if place is None:
            continue
        heading = rng.uniform(0, 2 * np.pi)
        for _ in range(1 + int(rng.geometric(0.7) - 1)):
            _add(density, cells.red_cell(rng, radius * rng.normal(1, 0.07), softness), place)
            taken.append((*place, radius))
            heading += rng.normal(0, 0.4)
            step = radius * rng.uniform(1.2, 1.8)
            place = (place[0] + step * np.sin(heading), place[1] + step * np.cos(heading))
            wanted -= 1


def _free(
    rng: np.random.Generator,
    shape: tuple[int, int],
    radius: float,
    taken: Places,
    *,
    overlap: float,
) -> tuple[float, float] | None:
    """Return a place, also a little outside the field, at ``overlap`` of the due distance."""
    for _ in range(12):
        y = rng.uniform(-radius, shape[0] + radius)
        x = rng.uniform(-radius, shape[1] + radius)
        if all(
            (y - ty) ** 2 + (x - tx) ** 2 > (overlap * (radius + r)) ** 2 for ty, tx, r in taken
        ):
            return y, x
    return None


def _add(
    field: cells.Density, patch: cells.Density, place: tuple[float, float], top: float = np.inf
) -> None:
    """Add a patch, centred at ``place`` (row, column), as far as it lies in the field."""
    half = patch.shape[0] // 2
    row, column = round(place[0]) - half, round(place[1]) - half
    first, last = max(0, row), min(field.shape[0], row + patch.shape[0])
    left, right = max(0, column), min(field.shape[1], column + patch.shape[1])
    if first < last and left < right:
        part = patch[first - row : last - row, left - column : right - column]
        field[first:last, left:right] = np.minimum(field[first:last, left:right] + part, top)


def _box(
    patch: cells.Density, place: tuple[float, float], shape: tuple[int, int], edge: float = 0.5
) -> list[Box]:
    """The box of what ``_add`` adds to a field, or none where nothing of it lies inside.

    It ends where the density falls below this share of the highest.
    """
    half = patch.shape[0] // 2
    rows, columns = np.nonzero(patch > edge * patch.max())
    rows, columns = rows + round(place[0]) - half, columns + round(place[1]) - half
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    if not inside.any():
        return []
    rows, columns = rows[inside], columns[inside]
    left, top = int(columns.min()), int(rows.min())
    return [Box(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)]


def _lamp(rng: np.random.Generator, height: int, width: int) -> cells.Density:
    """Make the light uneven: darker to one side and in the corners, with stain on the glass."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    tilt = rng.uniform(0, 0.03) * (x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)))
    corners = rng.uniform(0.01, 0.06) * (x * x + y * y) / 2
    glass = Image.fromarray(rng.normal(0, 0.006, (9, 12)).astype(np.float32))
    stain = np.asarray(glass.resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(1 + tilt - corners + stain, dtype=np.float32)


def _camera(rng: np.random.Generator, light: cells.Density, *, blur: float) -> Image.Image:
    """Apply focus and noise, and round to 8 bits."""
    sharp = Image.fromarray(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8))
    seen = np.asarray(sharp.filter(ImageFilter.GaussianBlur(blur * rng.uniform(0.3, 1.8))))
    noise = rng.standard_normal((*light.shape[:2], 1), dtype=np.float32) * np.float32(1.2)
    noise = noise + rng.standard_normal(light.shape, dtype=np.float32) * np.float32(0.8)
    return Image.fromarray(np.rint(np.clip(seen + noise, 0, 255)).astype(np.uint8))
