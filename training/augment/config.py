"""Says how far training views may go from the field that they show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentConfig:
    """Every setting of ``augment.view``. Shares are probabilities per view; ``PLAIN`` is off.

    Densities are optical densities in natural units, -ln(light); 0.1 is about a tenth of the light.
    """

    zoom: tuple[float, float] = (0.7, 1.15)
    """Pixels of the view per pixel of the field, log-uniform between the two."""
    stretch: tuple[float, float] = (0.95, 1.3)
    """Width by height of what was square in the field, area kept, log-uniform. The public fields
    are squashed to 0.77 of their width; 1.3 makes their cells as round as other cameras' are."""
    on_nuclei: float = 0.8
    """Share of partial views with a nucleus near their middle, where a nucleus mask is given.
    Elsewhere a view may show red cells alone, of which only the slide could tell the class."""

    untouched_colour: float = 0.15
    """Share of views that keep colour and light as they are."""
    new_stain: float = 0.25
    """Share of the others stained anew: background, red cells and nuclei get drawn colours."""
    transfer: float = 0.25
    """Share of the others that take these three colours from another training field."""
    fourier: float = 0.15
    """Share of the others that take the low frequencies' amplitudes from another training field."""
    hed: float = 0.2
    """Spread of haematoxylin, eosin and residue, each scaled by 1 +- this."""
    stain_scale: float = 0.2
    """Spread of the density of each channel (a gamma per channel), natural log."""
    stain_shift: float = 0.1
    """Shift of the density of each channel (brightness and white balance)."""
    saturation: float = 0.4
    """Colours are taken towards or away from grey by up to this share."""
    hue_degrees: float = 20.0
    """Colours are turned about the grey axis by up to this."""
    grey: float = 0.07
    """Share of the others without any colour."""
    illumination: float = 0.35
    """Share of the others under uneven light: smooth fields and vignettes."""
    illumination_depth: float = 0.35
    """Density between the brightest and the darkest part of uneven light, at most."""

    blur: float = 0.2
    """Share of views out of focus, Gaussian sigma 0.3 to 1.2 pixels of the field."""
    sharpen: float = 0.1
    """Share of views sharper than the field (unsharp mask), as other cameras deliver them."""
    noise: float = 0.15
    """Share of views with sensor noise, standard deviation up to 6 grey levels."""
    bar: float = 0.1
    """Share of views with a scale bar painted somewhere into the field."""
    jpeg: float = 0.3
    """Share of views compressed once more, quality 35 to 90."""


PLAIN = AugmentConfig(
    zoom=(1, 1),
    stretch=(1, 1),
    on_nuclei=0,
    untouched_colour=0,
    new_stain=0,
    transfer=0,
    fourier=0,
    hed=0,
    stain_scale=0,
    stain_shift=0,
    saturation=0,
    hue_degrees=0,
    grey=0,
    illumination=0,
    illumination_depth=0,
    blur=0,
    sharpen=0,
    noise=0,
    bar=0,
    jpeg=0,
)
"""Nothing but a place and a turn: single effects are added to it, to be looked at and tested."""
