"""Draws single cells as densities: how much stain each structure holds at each pixel of a patch.

A patch is a square float array; sizes are in pixels. Edges are soft by formula, so nothing has to
be drawn larger and scaled down.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Density = npt.NDArray[np.float32]


class Outline(NamedTuple):
    """The outline of a cell, a wobbly circle seen from its centre, over one patch."""

    depth: Density
    """Pixels to the edge along the ray, positive inside."""
    share: Density
    """0 at the centre, 1 at the edge."""

    def inside(self, softness: float) -> Density:
        """Return 1 inside the outline and 0 outside, with a ramp of ``softness`` pixels."""
        cover: Density = 1 / (1 + np.exp(-np.clip(self.depth / softness * 2.2, -30, 30)))
        return cover


def outline(
    rng: np.random.Generator,
    half: int,
    radius: float,
    *,
    centre: tuple[float, float] = (0.0, 0.0),
    stretch: float = 0.06,
    wobble: float = 0.03,
) -> Outline:
    """Return an outline of mean ``radius`` in a patch of 2 * half + 1 pixels a side.

    ``stretch`` is the relative elongation (standard deviation). ``wobble`` is the relative
    roughness of the edge.
    """
    ray = _grid(half) - np.complex64(complex(centre[1], centre[0]))
    distance = np.abs(ray)
    unit = ray / np.maximum(distance, 1e-6)
    # Waves around the edge: the real part of unit**n turns n times on the way round.
    waves = {2: abs(rng.normal(0, stretch))} | {
        wave: rng.normal(0, wobble * 2 / wave) for wave in (3, 4, 5, 7)
    }
    edge = np.ones_like(distance)
    power = unit
    for wave in range(2, 8):
        power = power * unit
        if wave in waves:
            turn = np.exp(1j * rng.uniform(0, 2 * np.pi)) * waves[wave]
            edge += (power * np.complex64(turn)).real
    return Outline(edge * radius - distance, distance / (edge * radius))


def _grid(half: int) -> npt.NDArray[np.complex64]:
    """Return where each pixel of a patch lies from its centre, as x + iy."""
    along = np.arange(-half, half + 1, dtype=np.float32)
    return (along + 1j * along[:, None]).astype(np.complex64)


def texture(rng: np.random.Generator, side: int, grain: float) -> Density:
    """Return smooth noise [side, side] with lumps of about ``grain`` pixels.

    Its mean is about 0 and its deviation about 1.
    """
    smooth = np.zeros((side, side), np.float32)
    for size, weight in ((grain, 1.0), (grain * 0.61, 0.7)):  # two grids hide each other's lines
        coarse = max(2, round(side / max(size, 0.5)))
        lumps = Image.fromarray(rng.normal(0, weight, (coarse, coarse)).astype(np.float32))
        smooth += np.asarray(lumps.resize((side, side), Image.Resampling.BICUBIC))
    return np.asarray(smooth / (smooth.std() + np.float32(1e-6)))


def red_cell(rng: np.random.Generator, radius: float, softness: float) -> Density:
    """Return a biconcave disc, dense towards the rim and pale in the centre; some are solid."""
    half = int(radius * 1.5 + softness * 3) + 1
    shape = outline(rng, half, radius, stretch=0.05, wobble=0.025)
    pallor = min(max(rng.normal(0.45, 0.22), 0.05), 0.85)
    width = rng.uniform(0.36, 0.55)
    profile = 1 - pallor * np.exp(-((shape.share / width) ** 4))
    rim = 1 + 0.22 * np.exp(-(((shape.share - 0.88) / 0.12) ** 2))
    return np.asarray(shape.inside(softness) * profile * rim * rng.normal(1, 0.12))


class Nucleated(NamedTuple):
    """The two densities of a white cell over one patch: nucleus and cytoplasm."""

    nucleus: Density
    cytoplasm: Density


def hematogone(rng: np.random.Generator, radius: float, softness: float) -> Nucleated:
    """Return a small round cell whose dense, evenly condensed nucleus nearly fills it."""
    size = radius * rng.uniform(0.85, 1.15)
    half = int(size * 1.5 + softness * 3) + 2
    body = outline(rng, half, size, stretch=0.05, wobble=0.012)
    core = outline(rng, half, size * rng.uniform(0.90, 0.95), stretch=0.05, wobble=0.012)
    chromatin = 1.18 + 0.06 * texture(rng, 2 * half + 1, size * 0.30)
    inside = core.inside(softness)
    return Nucleated(inside * chromatin, body.inside(softness) * (1 - inside))


class Blasts(NamedTuple):
    """What the blasts of one field have in common; the defaults mix many of them."""

    size: tuple[float, float] = (1.25, 1.95)
    """Radius of the cell, in radii of a red cell."""
    core: tuple[float, float] = (0.78, 0.90)
    """Radius of the nucleus, as a share of the cell's."""
    nucleoli: tuple[int, int] = (1, 3)
    """The fewest and the most."""
    cleft: float = 0.4
    """Share of nuclei with a cleft."""
    chromatin: float = 0.86
    """Mean density of the nucleus."""


ANY_BLASTS: Final = Blasts()


def blast(
    rng: np.random.Generator, radius: float, softness: float, blasts: Blasts = ANY_BLASTS
) -> Nucleated:
    """Return a larger, less regular cell with finer chromatin, nucleoli and a blue rim."""
    size = radius * rng.uniform(*blasts.size)
    half = int(size * 1.5 + softness * 3) + 2
    side = 2 * half + 1
    body = outline(rng, half, size, stretch=0.09, wobble=0.03)
    shift = rng.normal(0, size * 0.06, 2)
    core = outline(
        rng,
        half,
        size * rng.uniform(*blasts.core),
        centre=(float(shift[0]), float(shift[1])),
        stretch=0.10,
        wobble=0.045,
    )
    inside: Density = np.minimum(core.inside(softness), body.inside(softness))
    chromatin: Density = (
        blasts.chromatin + 0.07 * texture(rng, side, size * 0.14) + 0.05 * texture(rng, side, size)
    )
    grid = _grid(half)
    for _ in range(rng.integers(blasts.nucleoli[0], blasts.nucleoli[1] + 1)):
        spot = size * rng.uniform(0.09, 0.16)
        away = np.abs(grid - np.complex64(complex(*rng.normal(0, size * 0.32, 2)))) / spot
        near = np.exp(-(away**2))
        ring = np.exp(-(((away - 1.6) / 0.6) ** 2))
        chromatin += 0.10 * ring - 0.26 * near
    if rng.random() < blasts.cleft:
        turned = grid * np.complex64(np.exp(1j * rng.uniform(0, np.pi)))
        across = (turned.real - size * rng.normal(0.15, 0.2)) / (0.07 * size)
        chromatin -= 0.22 * np.exp(-(across**2)) * (turned.imag > 0)
    rim = 0.75 + 0.5 * np.clip(body.share, 0, 1) ** 3
    around: Density = body.inside(softness) * (1 - inside) * rim
    return Nucleated(inside * chromatin, around)


def platelet(rng: np.random.Generator, radius: float, softness: float) -> Density:
    """Return a granular fragment, a fifth to a third of a red cell."""
    size = radius * rng.uniform(0.16, 0.32)
    half = int(size * 2 + softness * 3) + 2
    shape = outline(rng, half, size, stretch=0.15, wobble=0.12)
    grains = 0.9 + 0.3 * texture(rng, 2 * half + 1, size * 0.4)
    return np.asarray(shape.inside(softness) * np.clip(grains, 0.2, 2))


def smudge(rng: np.random.Generator, radius: float) -> Density:
    """Return a crushed nucleus, a pale, torn cloud without an edge."""
    size = radius * rng.uniform(1.5, 2.4)
    half = int(size * 1.8) + 2
    shape = outline(rng, half, size, stretch=0.22, wobble=0.16)
    cloud = 0.8 + 0.25 * texture(rng, 2 * half + 1, size * 0.25)
    return np.asarray(shape.inside(size * 0.18) * np.clip(cloud, 0, 2) * rng.uniform(0.7, 1.3))
