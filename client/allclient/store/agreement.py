"""How far two readers agree: Cohen's kappa over the fields that both verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import select
from sqlalchemy.orm import Session

from allclient.contract import Subtype
from allclient.store.schema import Field, Verification
from allclient.store.sight import Sight
from allclient.store.words import Verdict

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two readers, by the latest word of each on the fields that both verified."""

    first: str
    second: str
    fields: int
    same: float
    """The share of fields with the same word: a subtype, or unusable."""
    kappa: float | None
    """Over subtypes and unusable; None where chance alone agrees always."""
    label_kappa: float | None
    """Over benign, malignant and unusable."""


def agreements(session: Session, sight: Sight, case_id: int | None = None) -> list[Agreement]:
    """Return the agreement of every two readers who verified a field in common, by name.

    Cases that the person of ``sight`` reads blind are left out.
    """
    words = _words(session, sight, case_id)
    readers = sorted({reader for said in words.values() for reader in said})
    found = []
    for first, second in combinations(readers, 2):
        pairs = [
            (said[first], said[second]) for said in words.values() if {first, second} <= set(said)
        ]
        if pairs:
            labels = [(_label(a), _label(b)) for a, b in pairs]
            same = sum(a == b for a, b in pairs) / len(pairs)
            found.append(Agreement(first, second, len(pairs), same, kappa(pairs), kappa(labels)))
    return found


def kappa(pairs: Pairs) -> float | None:
    """Cohen's kappa: agreement beyond chance, 1 for always; None where it is not defined."""
    if not pairs:
        return None
    count = len(pairs)
    observed = sum(a == b for a, b in pairs) / count
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[word] * second[word] for word in first) / count**2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def _words(session: Session, sight: Sight, case_id: int | None) -> dict[int, dict[str, str]]:
    """By field, the latest word of each reader."""
    statement = (
        select(
            Verification.field_id,
            Verification.user_name,
            Verification.verdict,
            Verification.subtype,
        )
        .join(Field, Field.id == Verification.field_id)
        .where(sight.seen())
        .order_by(Verification.id)
    )
    if case_id is not None:
        statement = statement.where(Field.case_id == case_id)
    words: dict[int, dict[str, str]] = {}
    for row in session.execute(statement):
        words.setdefault(row.field_id, {})[row.user_name] = row.subtype or row.verdict
    return words


def _label(word: str) -> str:
    return word if word == Verdict.UNUSABLE.value else Subtype(word).label.value
