"""Says in plain language what the figures say, and what they do not say."""

from __future__ import annotations

from training.report import goals, numbers
from training.report.blocks import Bullets, Section, Text, Tile, Tiles
from training.report.reading import OWN_IMAGES, Figures, at, measured, reviewed, score
from training.report.verdicts import MET, NOT_MET, UNKNOWN
from training.report.wording import VOTE

NOT_A_DEVICE = (
    "Not a medical device. allclient supports a reading by a pathologist and never replaces one; "
    "it must not be used to make, to rule out or to delay a diagnosis."
)
LIMITS = (
    "No image carries a patient. Nothing here is a score on new patients, however the images "
    "are split.",
    "The training images come from about ten slides of one laboratory. Intervals tell how the "
    "figures would vary over fields like these. Other slides, stains, cameras or patients can "
    "move them by more than that.",
    "Every training image shows either hematogones or B-lymphoblasts. What the backbones answer on "
    "other leukemias, lymphomas, reactive marrow or normal blood was not measured, apart from the "
    "sets from outside below.",
    "A share is a share of fields. A case is read from many fields and other findings; no figure "
    "here is the accuracy of a diagnosis.",
)
OWN_LIMITS = (
    "What the figures are worth depends on what the split keeps apart; the training records name "
    "it. Only a split by patients says what to expect of a new patient.",
    "Intervals tell how the figures would vary over fields like these. Other slides, stains, "
    "cameras, patients or laboratories can move them by more than that.",
    "What the backbones answer on anything but the four classes that they were shown was not "
    "measured, apart from the sets from outside below.",
    LIMITS[-1],
)


def section(figures: Figures) -> Section:
    """Return the section that sums up."""
    page_section = Section("verdict", "In short")
    page_section.blocks += [
        Text(NOT_A_DEVICE, "lead"),
        _tiles(figures),
        Text("What the figures say", "heading"),
        Bullets(sentences(figures)),
        Text("What they do not say", "heading"),
        Bullets(limits(figures)),
    ]
    return page_section


def sentences(figures: Figures) -> list[str]:
    """Return the findings alone, for the model card."""
    findings = [*_unseen(figures), *_seen(figures), *_review(figures)]
    return findings if at(figures, OWN_IMAGES) else [*findings, _goals(figures)]


def limits(figures: Figures) -> tuple[str, ...]:
    """Return what the figures do not say, whatever they are."""
    return OWN_LIMITS if at(figures, OWN_IMAGES) else LIMITS


def _tiles(figures: Figures) -> Tiles:
    review = at(figures, "ways", "slides", "review")
    where = "slides never seen in training"
    wanted = (
        (score(figures, "slides", VOTE, "sensitivity"), "of malignant fields found", where),
        (score(figures, "slides", VOTE, "specificity"), "of benign fields called benign", where),
        (reviewed(review, "coverage"), "answered without asking for review", where),
        (reviewed(review, "wrong_label_share"), "of those answers wrong", "benign/malignant"),
    )
    return Tiles(
        [
            Tile(
                numbers.percent(each.value),
                label,
                "; ".join(filter(None, (remark, _range(each.interval)))),
            )
            for each, label, remark in wanted
        ]
    )


def _range(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    low, high = (numbers.percent(each) for each in interval)
    return f"95% interval {low} to {high}"


def _unseen(figures: Figures) -> list[str]:
    both = score(figures, "slides", VOTE, "binary_balanced_accuracy")
    if not both.known:
        return [
            "Slides never seen in training: not measured. Without that figure nothing here tells "
            "whether the backbones learned cells or slides."
        ]
    sensitivity = score(figures, "slides", VOTE, "sensitivity")
    cleared = score(figures, "slides", VOTE, "specificity")
    chance = "better than chance (50%)"
    if both.interval is None or both.interval[0] <= 0.5:
        chance = "not to be told from chance (50%)"
    sentences = [
        f"On slides never seen in training the vote finds {sensitivity.as_share()} of the "
        f"malignant fields and calls {cleared.as_share()} of the benign ones benign. Balanced "
        f"accuracy is {both.as_share()}, {chance}. All four classes are right in "
        f"{score(figures, 'slides', VOTE, 'accuracy').as_share()} of the fields."
    ]
    return sentences + _spread(figures)


def _spread(figures: Figures) -> list[str]:
    slides = at(figures, "ways", "slides", "voters", VOTE, "slides") or {}
    right = {
        slide: each["binary_accuracy"]
        for slide, each in slides.items()
        if numbers.known(at(each, "binary_accuracy"))
    }
    if len(right) < 2:
        return []
    worst, best = min(right, key=right.__getitem__), max(right, key=right.__getitem__)
    return [
        f"It depends on the slide: from {numbers.percent(right[worst])} right labels on {worst} to "
        f"{numbers.percent(right[best])} on {best}. {len(right)} slides are few, so what happens "
        "on the next one is uncertain."
    ]


def _seen(figures: Figures) -> list[str]:
    known = score(figures, "known", VOTE, "accuracy")
    label = score(figures, "known", VOTE, "binary_accuracy")
    drawn = score(figures, "random", VOTE, "binary_accuracy")
    sentences = []
    if known.known and at(figures, OWN_IMAGES):
        sentences.append(
            f"On the test part of the split all four classes are right in {known.as_share()} and "
            f"benign/malignant in {label.as_share()}."
        )
    elif known.known:
        sentences.append(
            f"On new fields of slides seen in training all four classes are right in "
            f"{known.as_share()} and benign/malignant in {label.as_share()}. Colour features "
            f"alone, which know no cells, reach {goals.before('known', 'accuracy')} and "
            f"{goals.before('known', 'binary_accuracy')} there: such figures show that "
            "a slide is recognised as much as that cells are."
        )
    if drawn.known:
        sentences.append(
            f"On a random split, the way most of the literature scores, benign/malignant is right "
            f"in {drawn.as_share()}. Test fields share cells with training fields there, so this "
            "is for comparison only."
        )
    return sentences


def _review(figures: Figures) -> list[str]:
    review = at(figures, "ways", "slides", "review")
    coverage, wrong = reviewed(review, "coverage"), reviewed(review, "wrong_label_share")
    sentences = []
    if not coverage.known:
        sentences.append("How many answers on unseen slides need no review: not measured.")
    elif coverage.value == 0:
        sentences.append("On unseen slides every answer asks for review.")
    else:
        start = f"On unseen slides {coverage.as_share()} of the answers come without review"
        sentences.append(f"{start}; {wrong.as_share()} of these have the wrong label.")
    for name, each in (at(figures, "outside") or {}).items():
        alarms, images = at(each, "malignant_without_review"), at(each, "images")
        if not numbers.known(alarms) or at(each, "class") != "benign":
            continue
        share = measured(at(each, "malignant_without_review_share"), at(each, "interval"))
        told = share.as_share()
        if alarms == 0 and images:
            told = numbers.none_failed(images)
        sentences.append(
            f"Called malignant without review: {numbers.count(alarms)} of "
            f"{numbers.count(images)} fields without leukemia from outside ({name}): {told}."
        )
    return sentences


def _goals(figures: Figures) -> str:
    verdicts = [each.verdict for each in goals.outcomes(figures)]
    counts = {each: verdicts.count(each) for each in (MET, NOT_MET, UNKNOWN)}
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"Of {len(verdicts)} goals: {listed}."
