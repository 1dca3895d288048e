"""Defines how subtypes look in pictures and on pages: a colour, a line and a letter each.

The colours are of Okabe and Ito's set, which people with any colour vision can tell apart; the
letter and the line say the same without colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allclient.contract import ReviewReason, Subtype

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Style:
    """A style; ``dash`` is drawn and left out, in turn, in pixels; empty for a whole line."""

    words: str
    letter: str
    colour: Colour
    ink: Colour
    """The colour of text on ``colour``."""
    dash: tuple[int, ...]

    def css(self) -> str:
        """The rules of a page for this letter's boxes and swatches."""
        dash = f"stroke-dasharray: {' '.join(map(str, self.dash))};" if self.dash else ""
        return (
            f".box.{self.letter} {{ stroke: rgb{self.colour}; {dash} }}\n"
            f".swatch.{self.letter} {{ background: rgb{self.colour}; color: rgb{self.ink}; }}\n"
        )


_BLACK: Final = (0, 0, 0)
STYLES: Final = {
    Subtype.BENIGN: Style("benign", "B", (0, 114, 178), (255, 255, 255), ()),
    Subtype.EARLY_PRE_B: Style("early pre-B", "E", (230, 159, 0), _BLACK, (10, 5)),
    Subtype.PRE_B: Style("pre-B", "P", (213, 94, 0), _BLACK, (16, 4, 4, 4)),
    Subtype.PRO_B: Style("pro-B", "O", (240, 228, 66), _BLACK, (3, 4)),
}

HEAT: Final = ((0, 34, 78), (124, 123, 120), (254, 232, 56))
"""The ends and the middle of the heat map's colours (cividis), from 0 to 1."""

REASONS: Final = {
    ReviewReason.DISAGREEMENT: "The three backbones do not agree.",
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
"""Each review reason as a sentence."""


def reason_words(code: str) -> str:
    """Return the sentence of a review reason; of one that is not known, its code in words."""
    try:
        return REASONS[ReviewReason(code)]
    except ValueError:
        return code.replace("_", " ") + "."
