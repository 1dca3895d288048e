"""What names one received object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """What names one object: its UIDs, and who sent it."""

    instance: str
    study: str
    sop_class: str
    peer: str
