"""Holds what a release answers here against what it answered where it was made.

The file ``golden.json`` beside the models of a repository has a few drawn fields and their answers.
Another processor rounds otherwise, so probabilities may differ a little.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from allclient.client import Client
from allclient.errors import ConfigurationError, LocalServerError
from allclient.local.embedded import LocalServer
from allclient.result import Result

FILE: Final = "golden.json"

TOLERANCE: Final = 0.05
"""How far a probability may be from the one that was written down."""

CLEAR: Final = 2 * TOLERANCE
"""The lead of a backbone's likeliest class from which its vote has to be the same."""

_MENDS: Final = "python -m convert repository --check writes one"


def record(repository: Path, address: str, images: Mapping[str, bytes]) -> None:
    """Write the golden answers of the release in a repository, which a server serves.

    Raises:
        AllclientError: it does not answer.
    """
    with Client(address) as client:
        fields = [
            {
                "name": name,
                "file": base64.b64encode(image).decode("ascii"),
                "answer": _values(client.classify(image)),
            }
            for name, image in images.items()
        ]
    text = json.dumps({"fields": fields}, indent=1) + "\n"
    (repository / FILE).write_text(text, encoding="utf-8")


def check(repository: Path) -> int:
    """Serve a release privately, hold its answers against the golden ones; return how many.

    Raises:
        ConfigurationError: it has no golden answers that can be read.
        LocalServerError: it does not load, or answers otherwise.
    """
    try:
        content = json.loads((repository / FILE).read_text("utf-8"))
        golden = [
            (one["name"], base64.b64decode(one["file"]), one["answer"]) for one in content["fields"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{repository} has no golden answers in {FILE} ({error!r}); {_MENDS}"
        ) from error
    if not golden:
        raise ConfigurationError(f"{repository / FILE} has no answer in it; {_MENDS}")
    with LocalServer(repository, restart=False) as server:
        for model in server.answering:
            with Client(server.grpc_address, model=model) as client:
                for name, image, expected in golden:
                    result = client.classify(image)
                    if result.release != server.release:
                        raise LocalServerError(
                            f"{model} of {repository} names its release {result.release!r} "
                            f"instead of {server.release!r}"
                        )
                    whole = len(result.votes) == len(expected["votes"])
                    for why in differences(expected, _values(result), whole=whole):
                        raise LocalServerError(
                            f"{model} of {repository} does not answer as where it was made: "
                            f"{name}: {why}"
                        )
    return len(golden)


def differences(
    expected: Mapping[str, Any], actual: Mapping[str, Any], *, whole: bool = True
) -> Iterator[str]:
    """Yield in words where an answer is not the golden one.

    Args:
        whole: whether all backbones were asked; else probabilities are means over fewer.
    """
    backbones = expected["backbone_probabilities"]
    clear = all(_lead(one) >= CLEAR for one in backbones.values())
    if clear and actual["label"] != expected["label"]:
        yield f"it is {actual['label']} instead of {expected['label']}"
    for backbone, probabilities in actual["backbone_probabilities"].items():
        pairs = zip(probabilities.values(), backbones[backbone].values(), strict=True)
        if (most := max(abs(one - other) for one, other in pairs)) > TOLERANCE:
            yield f"a probability of {backbone} differs by {most:.3f}"
        vote, other = actual["votes"][backbone], expected["votes"][backbone]
        if _lead(backbones[backbone]) >= CLEAR and vote != other:
            yield f"{backbone} says {vote} instead of {other}"
    if whole and clear and actual["subtype"] != expected["subtype"]:
        yield f"it is {actual['subtype']} instead of {expected['subtype']}"


def _lead(probabilities: Mapping[str, float]) -> float:
    first, second, *_ = sorted(probabilities.values(), reverse=True)
    return first - second


def _values(result: Result) -> dict[str, Any]:
    return {
        "label": result.label.value,
        "subtype": result.subtype.value,
        "votes": {backbone.value: vote.value for backbone, vote in result.votes.items()},
        "backbone_probabilities": {
            backbone.value: {subtype.value: round(value, 6) for subtype, value in one.items()}
            for backbone, one in result.backbone_probabilities.items()
        },
    }
