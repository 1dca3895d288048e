"""Makes identifiers that come out the same each time, so that nothing is sent twice."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from typing import Final

_NAMESPACE: Final = uuid.UUID("6b1f0c5e-7d0a-4c0a-9a56-0d3a5f0f6a11")
_UID: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Return whether ``text`` can be a UID; leading zeros are borne, since devices send them."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def derived(*parts: str) -> str:
    """Return a UID that depends on ``parts`` alone (2.25 and a name-based UUID)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def report_uid(study: str, instances: Iterable[str]) -> str:
    """Return the SR's UID for these images of a study, in whatever order they came."""
    return derived("report", study, *sorted(instances))


def key_of(instance: str) -> str:
    """Return the name of an object in the store: it says nothing of the patient, and is no path."""
    return hashlib.sha256(instance.encode()).hexdigest()[:32]
