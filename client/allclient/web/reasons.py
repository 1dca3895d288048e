"""Puts the words of the contract as a pathologist reads them."""

from __future__ import annotations

from typing import Final

from allclient.contract import Backbone, Label, ReviewReason, Subtype
from allclient.store.words import FieldState, Role, Verdict

NOTICE: Final = (
    "Supports a reading by a pathologist and never replaces it. This is not a medical device."
)

REASONS: Final = {
    ReviewReason.DISAGREEMENT: "The backbones do not agree.",
    ReviewReason.LOW_CONFIDENCE: "The backbones are not sure.",
    ReviewReason.OUT_OF_DISTRIBUTION: "The field looks unlike those the backbones learned from.",
    ReviewReason.POOR_QUALITY: "The picture is blurred, blank, too dark, too bright or damaged.",
    ReviewReason.NO_LEUKOCYTES: "No leukocyte was found in the field.",
    ReviewReason.FEW_LEUKOCYTES: "There are too few leukocytes to rest an answer on.",
    ReviewReason.SCALE: (
        "Red cells are far smaller or larger than in the fields the backbones learned from. "
        "Send whole fields at 100x."
    ),
    ReviewReason.FIRST_PAGE_ONLY: "The file has several pages; only the first one was read.",
}

_WORDS: Final[dict[str, str]] = {
    **{word.value: word.value for word in (*Label, *Verdict, *Role)},
    Subtype.EARLY_PRE_B.value: "early pre-B",
    Subtype.PRE_B.value: "pre-B",
    Subtype.PRO_B.value: "pro-B",
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


def sentence(reason: str) -> str:
    """Return why a person has to look; a reason that is not known as its bare word."""
    known = {known.value: text for known, text in REASONS.items()}
    return known.get(reason, in_words(reason) + ".")
