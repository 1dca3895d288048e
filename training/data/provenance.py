"""What a release learned from, by its records, and that none of it was to be evaluated only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from training.data.pictures import EVALUATE_ONLY
from training.data.sample import DatasetError


def check(record: Mapping[str, Any], name: str) -> None:
    """Look through the record of a master, a policy or a head.

    ``evaluated`` may name whatever was looked at; no other part may name an evaluate-only source.

    Raises:
        DatasetError: the record does not say what it learned from, or an evaluate-only source is
            named in it.
    """
    if not any(_sources(record)):
        raise DatasetError(f"{name} does not say what it learned from")
    learned = {key: value for key, value in record.items() if key != "evaluated"}
    words = {word for text in _texts(learned) for word in re.split(r"[^\w-]+", text.lower())}
    named = sorted(EVALUATE_ONLY & words)
    if named:
        raise DatasetError(
            f"{name} learned from {', '.join(named)}, which may be evaluated only: it must not be "
            "released"
        )


def _sources(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of data that come with the hash of their content."""
    for part in (record.get("data"), record.get("fitted_on"), *record.get("learned_from", ())):
        if isinstance(part, Mapping):
            name = part.get("name") or part.get("data")
            if name and any("sha256" in key for key in _keys(part)):
                yield str(name)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
