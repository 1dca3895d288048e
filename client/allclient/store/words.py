"""Defines the words that the store's columns hold."""

from __future__ import annotations

from enum import Enum


class Role(str, Enum):
    """What a person may do: a reader works on cases; an admin also decides who else may."""

    READER = "reader"
    ADMIN = "admin"


class FieldState(str, Enum):
    """How far the reading of a field by the backbones has come."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FAILED = "failed"


class Verdict(str, Enum):
    """What a person says of a field."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    UNUSABLE = "unusable"


class Conclusion(str, Enum):
    """What a person who signs a case concludes."""

    BENIGN = "benign"
    MALIGNANT = "malignant"
    INCONCLUSIVE = "inconclusive"


class DeliveryState(str, Enum):
    """How far the report of a signature has come on its way to the PACS."""

    WAITING = "waiting"
    QUEUED = "queued"
    FAILED = "failed"


class Purpose(str, Enum):
    """What a secret is good for; the store keeps only its hash."""

    SESSION = "session"
    INVITATION = "invitation"
    API = "api"
