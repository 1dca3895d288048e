"""Answers to be scored, from a server or from the Keras masters, in one form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from allclient.contract import BACKBONES, SUBTYPES, Backbone
from training import serving
from training.dataset import Sample


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
            if outcome.result is None:
                yield Answer(sample, error=f"[{outcome.error.code}] {outcome.error}")
                continue
            result = outcome.result
            yield Answer(
                sample,
                SUBTYPES.index(result.subtype),
                tuple(SUBTYPES.index(result.votes[backbone]) for backbone in BACKBONES),
                tuple(reason.value for reason in result.review),
                result.ood_score,
            )


def from_masters(samples: Sequence[Sample], places: Sequence[Path]) -> Iterator[Answer]:
    """Decode, classify and vote in this process with the served functions and the masters."""
    from training import masters

    nets = [masters.load(path) for path in find(places)]
    pixels, majority = serving.pixels(), serving.majority()
    policy = majority.Policy.load(serving.MODEL_REPOSITORY / "vote" / "1" / "policy.json")
    for sample in samples:
        try:
            decoded = pixels.decode(sample.path.read_bytes())
        except (OSError, pixels.ImageError) as error:
            yield Answer(sample, error=f"[{getattr(error, 'code', 'file_unreadable')}] {error}")
            continue
        outputs = [net.predict_on_batch(decoded.pixels[None]) for net in nets]
        decision = majority.decide(
            np.stack([output["LOGITS"][0] for output in outputs]),
            [output["CAM"][0] for output in outputs],
            decoded.quality,
            policy,
        )
        yield Answer(
            sample,
            SUBTYPES.index(decision.subtype),
            tuple(SUBTYPES.index(vote) for vote in decision.votes),
            tuple(decision.review),
            decision.ood_score,
        )


def find(places: Sequence[Path]) -> list[Path]:
    """The three masters, in the order of BACKBONES, among files and folders.

    A folder is searched for ``<backbone>.keras`` and ``<backbone>/<backbone>.keras``.

    Raises:
        FileNotFoundError: one of the three is missing; the message says which.
    """
    return [_one(backbone, places) for backbone in BACKBONES]


def _one(backbone: Backbone, places: Sequence[Path]) -> Path:
    name = f"{backbone.value}.keras"
    for place in places:
        for path in (place, place / name, place / backbone.value / name):
            if path.name == name and path.is_file():
                return path
    looked = ", ".join(str(place) for place in places)
    raise FileNotFoundError(f"no {name} in {looked}; python -m training fit makes it")
