"""How each backbone is trained: which part of it is used, and what of that learns from the images.

The voters keep the early layers of their architecture as they start, and only the dense head is
fitted (``training.fit.release.discriminant``): whatever learned more from ten slides learned the
slides. The stages are for networks that are trained as a whole: small views first, whole fields
last.

Everything that a training follows beside the images and the seed stands in its Recipe, is written
into the record and must be the same when a killed training is resumed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from allclient.contract import Backbone
from training.augment.random_view import Strength


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
        if int(side) < 1 or int(epochs) < 1 or not rate > 0:
            raise ValueError(f"{text!r}: side, epochs and rate must be above zero")
        return cls(int(side), int(epochs), rate, WHOLE if whole else PART)


PART = (0.6, 1.1)
WHOLE = (0.9, 1.2)

_HEAD_ONLY = ("views", "looseness")
_BOTH = ("taps", "dtype")
BALANCES = ("weights", "class", "slide", "none")
ATTENTIONS = ("none", "eca", "se")


@dataclass(frozen=True)
class Head:
    """How the head is fitted on features that stay as they are."""

    views: int = 5
    """Random views of every training field beside the field itself."""
    looseness: float = 300.0
    """Inverse of the ridge that is added to the variances within classes, for features of
    variance 1."""

    def __post_init__(self) -> None:
        if self.views < 0 or not self.looseness > 0:
            raise ValueError("a head needs no fewer than 0 views and a looseness above 0")


@dataclass(frozen=True)
class Recipe:
    stages: tuple[Stage, ...]
    taps: tuple[str, ...] = ()
    """Layers whose maps describe the leukocytes (``training.models.cells``); what lies behind the
    last one is left out. Empty takes the whole application and plain averages."""
    head: Head | None = None
    """Fit the head alone, as said there; None trains the whole network in stages."""
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
    attention: str = "none"
    """Channel attention between feature extractor and pooling: "none", "eca" or "se"."""
    mixstyle: float = 0.0
    """Share of training steps in which early feature statistics are mixed between fields."""
    mixup: float = 0.0
    """Views are blended with each other by a share drawn from Beta(mixup, mixup); 0 not at all."""
    consistency: float = 0.0
    """Weight of the symmetric KL divergence between the answers to two views of one field."""
    dro: float = 0.0
    """Step size of group DRO over slides, which replaces ``balance`` by weights; 0 none."""
    strength: Strength = field(default_factory=Strength)

    def __post_init__(self) -> None:
        """Raises ValueError for a setting that no training can follow, before anything is run."""
        if not self.stages:
            raise ValueError("a recipe needs at least one stage")
        if self.balance not in BALANCES:
            raise ValueError(f"balance {self.balance!r} is none of {', '.join(BALANCES)}")
        if self.attention not in ATTENTIONS:
            raise ValueError(f"attention {self.attention!r} is none of {', '.join(ATTENTIONS)}")
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
        return sum(stage.epochs for stage in self.stages)

    def changed(self, **changes: Any) -> Recipe:
        """A copy with every change that is not None; ``strength`` takes changes of its own.

        ``views`` and ``looseness`` are those of the head.

        Raises:
            ValueError: a setting that this training would not follow, or cannot.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        strength = given.pop("strength", {})
        head = {name: given.pop(name) for name in _HEAD_ONLY if name in given}
        if head:
            if self.head is None:
                raise ValueError(
                    f"{', '.join(head)}: only for a head that is fitted alone (--learn head)"
                )
            given["head"] = dataclasses.replace(self.head, **head)
        unused = [name for name in given if name not in (*_BOTH, "head")]
        if unused and self.head is not None:
            raise ValueError(
                f"{', '.join(unused)}: only for a network that is trained as a whole (--learn all)"
            )
        return dataclasses.replace(
            self, strength=dataclasses.replace(self.strength, **strength), **given
        )


_STAGES = (Stage(112, 12, 1e-3, PART), Stage(224, 2, 2e-4, WHOLE))

RECIPES: dict[str, Recipe] = {
    Backbone.MOBILENET: Recipe(_STAGES, taps=("conv_pw_4_relu", "conv_pw_6_relu"), head=Head()),
    Backbone.INCEPTION_V3: Recipe(
        _STAGES, taps=("mixed0", "mixed1"), head=Head(views=3, looseness=30)
    ),
    Backbone.XCEPTION: Recipe(
        _STAGES,
        taps=("block3_sepconv1_act.input", "block4_sepconv1_act.input"),
        head=Head(views=3),
    ),
}


def recipe(backbone: str, learn: str | None = None) -> Recipe:
    """How to train ``backbone``: a voter by its own recipe, any other one as a whole.

    learn: "head" or "all" to train it so whatever its recipe says.
    """
    own = RECIPES.get(backbone, Recipe(_STAGES))  # a Backbone is a str
    if learn == "all":
        return Recipe(_STAGES)
    if learn == "head" and own.head is None:
        return Recipe(_STAGES, head=Head())
    return own
