"""The numbers about cells, on fields painted so that they are known."""

from __future__ import annotations

import numpy as np
import pytest
import smear_cells
import smear_nuclei
from PIL import Image, ImageDraw, ImageFilter

from samples import field
from samples.stains import STAINS

GROUND, RED_CELL, NUCLEUS = (240, 235, 240), (190, 180, 205), (110, 60, 190)


def painted(red_cell: int = 8, nucleus: int = 14, colour: tuple[int, int, int] = NUCLEUS):
    image = Image.new("RGB", (224, 224), GROUND)
    pen = ImageDraw.Draw(image)
    for row in range(20, 210, 32):
        for column in (20, 60, 150, 200):
            radius, fill = (nucleus, colour) if column == 150 else (red_cell, RED_CELL)
            pen.ellipse((column - radius, row - radius, column + radius, row + radius), fill=fill)
    return image


def named(image: Image.Image) -> dict[str, float]:
    rgb = np.array(image)
    rgb[188:, 188:] = 128
    values = smear_cells.describe(smear_nuclei.find(rgb))
    return dict(zip(smear_cells.CELL_FIELDS, values.tolist(), strict=True))


def test_painted_cells_are_measured() -> None:
    cells = named(painted())
    assert cells["nuclei_share"] == pytest.approx(6 * np.pi * 14.5**2 / (224**2 - 36**2), rel=0.03)
    assert cells["leukocytes"] == 6
    assert cells["nuclei_density"] == pytest.approx(np.log10(235 / 60), abs=0.01)
    assert cells["red_cell_size"] == pytest.approx(17, rel=0.15)
    assert named(painted(red_cell=12))["red_cell_size"] > cells["red_cell_size"] + 5

    assert cells["red_cell_aspect"] == pytest.approx(1, abs=0.05)
    squashed = painted().resize((168, 224)).crop((0, 0, 224, 224))
    squashed.paste(GROUND, (168, 0, 224, 224))
    assert named(squashed)["red_cell_aspect"] == pytest.approx(0.75, abs=0.06)

    def green(colour: tuple[int, int, int]) -> float:
        density = np.log10(np.array(GROUND) / np.array(colour))
        return density[1] / density.sum()

    assert cells["nuclei_purple"] == pytest.approx(green(NUCLEUS) - green(RED_CELL), abs=0.02)


def test_blur_makes_edges_less_steep_and_nothing_else() -> None:
    sharp = painted()
    before = named(sharp)
    last = before["nuclei_edge"]
    assert last > 0.4
    for radius in (1, 2, 3):
        after = named(sharp.filter(ImageFilter.GaussianBlur(radius)))
        assert after["nuclei_edge"] < last
        last = after["nuclei_edge"]
        assert after["nuclei_share"] == pytest.approx(before["nuclei_share"], rel=0.15)
    assert last < 0.2


def test_the_lamp_changes_nothing() -> None:
    image = painted()
    dim = Image.fromarray((np.array(image) * np.array([0.8, 0.7, 0.6])).astype(np.uint8))
    for name, value in named(image).items():
        assert named(dim)[name] == pytest.approx(value, rel=0.1), name


def test_a_field_without_nuclei() -> None:
    cells = named(painted(nucleus=8, colour=RED_CELL))
    assert cells["nuclei_share"] == cells["nuclei_purple"] == cells["nuclei_density"] == 0
    assert cells["nuclei_edge"] == 1
    assert cells["red_cell_size"] > 10


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_image_has_numbers_too(level: int) -> None:
    found = smear_nuclei.find(np.full((224, 224, 3), level, np.uint8))
    values = smear_cells.describe(found)
    assert np.isfinite(values).all()
    assert values[0] == 0


@pytest.mark.parametrize("stain", STAINS)
def test_red_cells_alone_are_never_both_large_and_purple(stain: str) -> None:
    """Stacks of red cells are dark and keep their colour; platelets are purple and small."""
    for seed in range(4):
        rng = np.random.default_rng([9, seed])
        image = field.draw(rng, kind="red-cells", stain=stain, height=240, width=320)
        cells = named(image.resize((224, 224)))
        assert cells["nuclei_share"] < 0.003 or cells["nuclei_purple"] < 0.034
