"""Puts the words of the contract as a pathologist reads them."""

from __future__ import annotations

from typing import Final

from allclient.contract import Backbone, Label
from allclient.store.words import FieldState, Role, Verdict
from allclient.view.style import STYLES

NOTICE: Final = (
    "Supports a reading by a pathologist and never replaces it. This is not a medical device."
)

_WORDS: Final[dict[str, str]] = {
    **{word.value: word.value for word in (*Label, *Verdict, *Role)},
    **{subtype.value: style.words for subtype, style in STYLES.items()},
    Backbone.MOBILENET.value: "MobileNet",
    Backbone.XCEPTION.value: "Xception",
    Backbone.INCEPTION_V3.value: "InceptionV3",
    FieldState.WAITING.value: "waiting",
    FieldState.ANSWERED.value: "read",
    FieldState.FAILED.value: "not read",
}


def in_words(value: str) -> str:
    """Return a word of the store for a person."""
    return _WORDS.get(value, value.replace("_", " "))
