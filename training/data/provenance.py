"""What a release learned from, by its records, and that none of it was to be evaluated only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from training.data.pictures import EVALUATE_ONLY
from training.data.sample import DatasetError


def check(record: Mapping[str, Any], name: str, images: Collection[str] = ()) -> None:
    """Look through the record of a master, a policy or a head.

    ``evaluated`` may name whatever was looked at; no other part may name an evaluate-only source.

    Args:
        images: if there are any, the hashes of all sets of images that it may have learned from.
            A name can be given to other images, and a hash over their content cannot.

    Raises:
        DatasetError: the record does not say what it learned from, an evaluate-only source is
            named in it, or it learned from images with another hash.
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
    others = sorted(set(_hashes(record)) - set(images)) if images else []
    if others:
        raise DatasetError(
            f"{name} learned from images whose hash is {', '.join(others)}: no known set of images "
            "has it, so it must not be released"
        )


def _hashes(record: Mapping[str, Any]) -> Iterator[str]:
    for part in _parts(record):
        yield from _values(part, "sha256")


def _values(value: Any, wanted: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == wanted:
                yield str(inner)
            else:
                yield from _values(inner, wanted)


def _parts(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a record that say what was learned from."""
    for part in (record.get("data"), record.get("fitted_on"), *record.get("learned_from", ())):
        if isinstance(part, Mapping):
            yield part


def _sources(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of data that come with the hash of their content."""
    for part in _parts(record):
        name = part.get("name") or part.get("data")
        if name and any(_values(part, "sha256")):
            yield str(name)


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
