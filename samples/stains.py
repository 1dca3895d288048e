"""Says how stains colour a smear: the light that passes, and what each structure takes out."""

from __future__ import annotations

from typing import NamedTuple

RGB = tuple[float, float, float]


class Stain(NamedTuple):
    """The background light (RGB, 0..1), and the absorbance of each structure at density 1."""

    light: RGB
    red_cell: RGB
    nucleus: RGB
    cytoplasm: RGB
    platelet: RGB
    smudge: RGB


STAINS: dict[str, Stain] = {
    # Wright-like, strong azure: violet nuclei, greyish red cells, a slightly green-white ground.
    "purple": Stain(
        light=(0.965, 0.970, 0.950),
        red_cell=(0.125, 0.125, 0.075),
        nucleus=(0.400, 0.640, 0.085),
        cytoplasm=(0.230, 0.260, 0.040),
        platelet=(0.210, 0.300, 0.050),
        smudge=(0.080, 0.190, 0.030),
    ),
    # Giemsa-rich: blue red cells with a clear pallor, blue-violet nuclei.
    "blue": Stain(
        light=(0.930, 0.965, 0.985),
        red_cell=(0.190, 0.112, 0.045),
        nucleus=(0.400, 0.520, 0.060),
        cytoplasm=(0.290, 0.230, 0.030),
        platelet=(0.240, 0.270, 0.040),
        smudge=(0.070, 0.160, 0.015),
    ),
    # Old or acid stain: grey red cells, nuclei close to black-violet.
    "grey": Stain(
        light=(0.920, 0.935, 0.905),
        red_cell=(0.130, 0.110, 0.095),
        nucleus=(0.460, 0.600, 0.190),
        cytoplasm=(0.210, 0.210, 0.080),
        platelet=(0.220, 0.250, 0.100),
        smudge=(0.100, 0.160, 0.070),
    ),
    # May-Gruenwald-rich: salmon red cells, red-violet nuclei.
    "pink": Stain(
        light=(0.965, 0.945, 0.940),
        red_cell=(0.050, 0.160, 0.130),
        nucleus=(0.360, 0.660, 0.230),
        cytoplasm=(0.190, 0.230, 0.070),
        platelet=(0.170, 0.270, 0.120),
        smudge=(0.060, 0.170, 0.070),
    ),
}
