"""How each backbone is trained by default: small views of the field first, whole fields last."""

from __future__ import annotations

from dataclasses import dataclass, field

from allclient.contract import Backbone
from training.augment import Strength


@dataclass(frozen=True)
class Stage:
    side: int
    """Height and width of the training views, pixels."""
    epochs: int
    rate: float
    """Peak learning rate; it falls to a hundredth of it along a cosine."""
    zoom: tuple[float, float]

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read ``SIDE:EPOCHS[:RATE]``, for example ``112:14:1e-3``."""
        side, epochs, *rest = text.split(":")
        if len(rest) > 1:
            raise ValueError(f"{text!r} is not SIDE:EPOCHS[:RATE]")
        whole = int(side) >= 192
        rate = float(rest[0]) if rest else (2e-4 if whole else 1e-3)
        return cls(int(side), int(epochs), rate, WHOLE if whole else PART)


PART = (0.6, 1.1)
WHOLE = (0.9, 1.2)


@dataclass(frozen=True)
class Recipe:
    stages: tuple[Stage, ...]
    dtype: str = "float32"
    batch: int = 32
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    patience: int = 0
    """Epochs without a better validation loss before the training ends, counted among those
    whose weights may be kept (``fit.candidates``); 0 never."""
    strength: Strength = field(default_factory=Strength)


RECIPES = {
    Backbone.MOBILENET: Recipe((Stage(112, 16, 1e-3, PART), Stage(224, 3, 2e-4, WHOLE))),
    Backbone.INCEPTION_V3: Recipe(
        (Stage(112, 11, 1e-3, PART), Stage(224, 2, 2e-4, WHOLE)), dtype="mixed_bfloat16"
    ),
    Backbone.XCEPTION: Recipe(
        (Stage(96, 11, 1e-3, PART), Stage(224, 1, 2e-4, WHOLE)), dtype="mixed_bfloat16"
    ),
}
