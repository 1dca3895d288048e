"""Compares all_cascade with all_ensemble, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from allclient import Client
from allclient.contract import CASCADE, ENSEMBLE, IMAGE_SUFFIXES, ReviewReason
from allclient.local import LocalServer


def compare(repository: Path, folder: Path) -> dict[str, Any]:
    """Compare the labels of both over every image of a folder, split or not.

    Also counted is how often the third backbone was asked, and how often the cascade would let pass
    without review what the ensemble would not.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    answers = []
    with LocalServer(repository) as server:
        for model in (ENSEMBLE, CASCADE):
            with Client(server.grpc_address, model=model) as client:
                answers.append(list(client.classify_many(files)))
    equal = third = missed = subtypes = compared = errors = same_errors = 0
    only_disagreement = 0
    for whole, short in zip(*answers, strict=True):
        if whole.result is None or short.result is None:
            errors += 1
            same_errors += (whole.error is None) == (short.error is None)
            continue
        compared += 1
        equal += whole.result.label is short.result.label
        subtypes += whole.result.subtype is short.result.subtype
        third += len(short.result.votes) == 3
        if whole.result.needs_review and not short.result.needs_review:
            missed += 1
            only_disagreement += whole.result.review == (ReviewReason.DISAGREEMENT,)
    return {
        "cascade_labels_equal": equal == compared and errors == same_errors and compared > 0,
        "cascade_compared": compared,
        "cascade_labels_differing": compared - equal,
        "cascade_subtypes_differing": compared - subtypes,
        "cascade_third_asked": third / compared if compared else None,
        "cascade_review_missed": missed / compared if compared else None,
        "cascade_review_missed_for_disagreement_alone": (
            only_disagreement / compared if compared else None
        ),
        "refused_by_both": same_errors,
    }
