"""Describes how a backbone is trained as a whole: in stages, small views first, whole fields last.

Everything that a training follows beside the images and the seed stands in its recipe, is written
into the record and must be the same when a killed training is resumed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from training.augment.config import AugmentConfig
from training.fit.batches import PART, WHOLE, Cut, Drawing

BALANCES = ("weights", "class", "slide", "none")


@dataclass(frozen=True)
class Stage:
    """Some epochs with views of one size."""

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
        if int(side) < 1 or int(epochs) < 1 or not rate > 0:
            raise ValueError(f"{text!r}: side, epochs and rate must be above zero")
        return cls(int(side), int(epochs), rate, WHOLE if whole else PART)

    @property
    def cut(self) -> Cut:
        """What a view of this stage shows."""
        return Cut(self.side, self.zoom)


STAGES = (Stage(112, 12, 1e-3, PART), Stage(224, 2, 2e-4, WHOLE))


@dataclass(frozen=True)
class WholeRecipe:
    """A backbone whose every layer learns."""

    stages: tuple[Stage, ...] = STAGES
    taps: tuple[str, ...] = ()
    """Layers whose maps describe the leukocytes, as in ``HeadRecipe``."""
    dtype: str = "float32"
    batch: int = 32
    """Fields of a step. With ``consistency`` each field is shown twice, so the step sees twice as
    many views."""
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    patience: int = 0
    """Epochs without a better validation loss before the training ends, counted among those
    whose weights may be kept (``choice.candidates``); 0 never."""
    balance: str = "weights"
    """How rare classes are made up for: "weights" weighs the loss by class, "class" and "slide"
    draw as often from every class or slide (training.data.balance), "none" does nothing."""
    ema: float = 0.0
    """Decay per step of the running average of weights that is validated and kept; 0 keeps the
    weights of the epoch's last step. 0.998 averages over about eight epochs of sixty steps."""
    mixstyle: float = 0.0
    """Share of training steps in which early feature statistics are mixed between fields."""
    mixup: float = 0.0
    """Views are blended with each other by a share drawn from Beta(mixup, mixup); 0 not at all."""
    consistency: float = 0.0
    """Weight of the symmetric KL divergence between the answers to two views of one field."""
    dro: float = 0.0
    """Step size of group DRO over slides, which replaces ``balance`` by weights; 0 none."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        """Raise ValueError for a setting that no training can follow."""
        if not self.stages:
            raise ValueError("a recipe needs at least one stage")
        if self.balance not in BALANCES:
            raise ValueError(f"balance {self.balance!r} is none of {', '.join(BALANCES)}")
        limits = {
            "batch": (1, None),
            "weight_decay": (0, None),
            "label_smoothing": (0, 1),
            "dropout": (0, 1),
            "patience": (0, None),
            "ema": (0, 1),
            "mixup": (0, None),
            "consistency": (0, None),
            "dro": (0, None),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value < low or (high is not None and value >= high):
                raise ValueError(f"{name} is {value}, outside of {low} to {high or 'any'}")
        if not 0 <= self.mixstyle <= 1:
            raise ValueError(f"mixstyle is {self.mixstyle}, outside of 0 to 1")

    @property
    def epochs(self) -> int:
        """The epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def drawing(self) -> Drawing:
        """How the batches are drawn."""
        return Drawing(self.batch, self.balance, self.mixup, self.consistency > 0, self.augment)

    def changed(self, **changes: Any) -> WholeRecipe:
        """Return a copy with every change that is not None; ``augment`` takes changes of its own.

        Raises:
            ValueError: a setting that no training can follow.
        """
        settings = {name: value for name, value in changes.items() if value is not None}
        config = dataclasses.replace(self.augment, **settings.pop("augment", {}))
        return dataclasses.replace(self, augment=config, **settings)
