from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from samples import field
from samples.stains import STAINS


def drawn(stain: str, kind: str = "blasts", seed: int = 1) -> np.ndarray:
    """A drawn field uint8 [224, 224, 3] with the corner masked, as decoding gives it."""
    image = field.draw(np.random.default_rng(seed), kind=kind, stain=stain, height=224, width=299)
    pixels = np.array(image.resize((224, 224), Image.Resampling.LANCZOS))
    pixels[188:, 188:] = 128
    return pixels


@pytest.fixture(scope="session")
def smears() -> dict[str, np.ndarray]:
    """The same cells in every stain of the renderer; read only."""
    fields = {stain: drawn(stain) for stain in STAINS}
    for pixels in fields.values():
        pixels.setflags(write=False)
    return fields


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
