"""Works out whether the vote beats its best backbone, and if not, why.

A majority of three is better than its backbones only as far as they err on different images. What
McNemar's tables count between two voters is enough to say how far that holds here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from training.report import numbers
from training.report.reading import Figures, Measured, at, measured, score
from training.report.wording import BACKBONE_NAMES, VOTE, VOTERS

ACCURACY: Final = {"class": "accuracy", "label": "binary_accuracy"}
NOISE: Final = 0.05
"""p from which a difference counts as noise."""


@dataclass(frozen=True)
class Pair:
    """Two voters on the same images and one question."""

    only_first: int
    only_second: int
    p: float | None
    difference: Measured
    """Accuracy of the first less that of the second."""


@dataclass(frozen=True)
class Comparison:
    """The vote against its best backbone in one protocol and one question."""

    protocol: str
    question: str
    best: str
    pair: Pair
    images: int
    both_wrong: dict[tuple[str, str], tuple[int, int]]
    """By two backbones: images that both got wrong, and how many chance alone would give."""

    @property
    def beats(self) -> bool:
        """Whether the vote alone is right more often than its best backbone alone."""
        return self.pair.only_first > self.pair.only_second

    @property
    def noise(self) -> bool:
        """Whether chance explains the difference."""
        return self.pair.p is None or self.pair.p >= NOISE

    @property
    def answer(self) -> str:
        """The comparison in a word or two."""
        if self.pair.only_first == self.pair.only_second:
            return "equal"
        return ("yes" if self.beats else "no") + (", within noise" if self.noise else "")

    def against(self) -> str:
        """Return the images won and lost against the best backbone, and what chance says."""
        won, lost = (numbers.count(each) for each in (self.pair.only_first, self.pair.only_second))
        return f"{won} images won, {lost} lost, {numbers.p_value(self.pair.p)}"

    def reasons(self) -> list[str]:
        """Return why the vote does not clearly win, in whole sentences; empty where it does."""
        if self.beats and not self.noise:
            return []
        best, pair = VOTERS[self.best], self.pair
        won, lost = numbers.count(pair.only_first), numbers.count(pair.only_second)
        if pair.only_first == pair.only_second == 0:
            meaning = "both are right on the same images."
        elif self.beats:
            meaning = "so even a count cannot be told from chance."
        else:
            meaning = f"{best}, where it is right alone, is outvoted as often as it is corrected."
            if pair.only_first < pair.only_second:
                meaning = f"{best}, where it is right alone, is outvoted more often than corrected."
        sentences = [
            f"Against {best} the vote wins {won} and loses {lost} of "
            f"{numbers.count(self.images)} images ({numbers.p_value(pair.p)}); {meaning}"
        ]
        together = [
            f"{VOTERS[one]} and {VOTERS[other]} {numbers.count(wrong)} "
            f"(by chance {numbers.count(chance)})"
            for (one, other), (wrong, chance) in self.both_wrong.items()
        ]
        if any(wrong for wrong, _ in self.both_wrong.values()):
            sentences.append(
                "Errors that two backbones share decide the vote. Images that both got wrong: "
                + ", ".join(together)
                + "."
            )
        return sentences


def pair(figures: Figures, protocol: str, first: str, second: str, question: str) -> Pair | None:
    """Find McNemar's counts of two voters, whichever way round they are in the figures."""
    for entry in at(figures, "ways", protocol, "mcnemar") or ():
        if entry.get("question") != question:
            continue
        names = (entry.get("first"), entry.get("second"))
        won, lost = entry.get("first_only_right"), entry.get("second_only_right")
        gap = measured(entry.get("difference"), entry.get("interval"))
        if names == (first, second):
            return Pair(won, lost, entry.get("p"), gap)
        if names == (second, first):
            turned = gap.interval and (-gap.interval[1], -gap.interval[0])
            value = None if gap.value is None else -gap.value
            return Pair(lost, won, entry.get("p"), Measured(value, turned))
    return None


def compare(figures: Figures, protocol: str, question: str) -> Comparison | None:
    """Compare the vote with its best backbone; None if one of them was not measured."""
    name = ACCURACY[question]
    scores = {each: score(figures, protocol, each, name) for each in (*BACKBONE_NAMES, VOTE)}
    images = at(figures, "ways", protocol, "images")
    if not images or not all(each.known for each in scores.values()):
        return None
    accuracy = {each: scores_pair.number for each, scores_pair in scores.items()}
    best = max(BACKBONE_NAMES, key=lambda each: accuracy[each])
    against = pair(figures, protocol, VOTE, best, question)
    if against is None:
        return None
    both = {}
    for one, other in combinations(BACKBONE_NAMES, 2):
        scores_pair = pair(figures, protocol, one, other, question)
        if scores_pair is not None:
            right = round(accuracy[one] * images)
            wrong = images - right - scores_pair.only_second
            chance = (1 - accuracy[one]) * (1 - accuracy[other]) * images
            both[one, other] = (wrong, round(chance))
    return Comparison(protocol, question, best, against, images, both)
