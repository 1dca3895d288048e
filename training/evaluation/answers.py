"""Asks a running server for answers to be scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from allclient.contract import BACKBONES, SUBTYPES
from training.data.samples import Sample


@dataclass(frozen=True)
class Answer:
    """What became of one sample: an answer, or the reason why there is none."""

    sample: Sample
    subtype: int = -1
    """Index of the ensemble's class."""
    votes: tuple[int, ...] = ()
    """Indexes of the three backbones' classes, in the order of BACKBONES."""
    review: tuple[str, ...] = ()
    ood_score: float = 0.0
    error: str = ""


def from_server(samples: Sequence[Sample], address: str) -> Iterator[Answer]:
    """Classify through a running server; results come in the order of ``samples``."""
    from allclient import Client

    with Client(address) as client:
        paths = [sample.path for sample in samples]
        for sample, outcome in zip(samples, client.classify_many(paths), strict=True):
            if outcome.error is not None:
                yield Answer(sample, error=f"[{outcome.error.code}] {outcome.error}")
                continue
            assert outcome.result is not None
            result = outcome.result
            yield Answer(
                sample,
                SUBTYPES.index(result.subtype),
                tuple(SUBTYPES.index(result.votes[backbone]) for backbone in BACKBONES),
                tuple(reason.value for reason in result.review),
                result.ood_score,
            )
