"""Describes how the released backbones are made: frozen early layers and a discriminant as head.

The voters keep the early layers of their architecture as they start, and only the dense head is
fitted (``training.fit.release.discriminant``): whatever learned more from ten slides learned the
slides.

Everything that decides the outcome beside the images and the seed stands in the recipe, which is
written into the record.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from allclient.contract import Backbone
from training.augment.config import AugmentConfig


@dataclass(frozen=True)
class HeadRecipe:
    """A head that is fitted alone, on features that stay as they are."""

    taps: tuple[str, ...] = ()
    """Layers whose maps describe the leukocytes (``training.models.cells``); what lies behind the
    last one is left out. Empty takes the whole application and plain averages."""
    dtype: str = "float32"
    views: int = 5
    """Random views of every training field beside the field itself."""
    ridge: float = 1 / 300
    """What is added to the variances within classes, for features of variance 1."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        """Raise ValueError for a setting that no head can be fitted with."""
        if self.views < 0 or not self.ridge > 0:
            raise ValueError("a head needs no fewer than 0 views and a ridge above 0")

    def changed(self, **changes: Any) -> HeadRecipe:
        """Return a copy with every change that is not None; ``augment`` takes changes of its own.

        Raises:
            ValueError: a setting that no head can be fitted with.
        """
        settings = {name: value for name, value in changes.items() if value is not None}
        config = dataclasses.replace(self.augment, **settings.pop("augment", {}))
        return dataclasses.replace(self, augment=config, **settings)


RECIPES: dict[str, HeadRecipe] = {
    Backbone.MOBILENET: HeadRecipe(taps=("conv_pw_4_relu", "conv_pw_6_relu")),
    Backbone.INCEPTION_V3: HeadRecipe(taps=("mixed0", "mixed1"), views=3, ridge=1 / 30),
    Backbone.XCEPTION: HeadRecipe(
        taps=("block3_sepconv1_act.input", "block4_sepconv1_act.input"), views=3
    ),
}
"""Those of the three voters, by backbone."""
