"""A person's word on a report: accepted, corrected or rejected. It makes a new, VERIFIED report.

The command and the web page both sign by ``sign``. The unsigned report stays as it is; the signed
one names it as its predecessor.
"""

from __future__ import annotations

import copy
import datetime
import io
import time
from dataclasses import dataclass
from typing import Any, Final

import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.uid import UID

from allclient.contract import Label
from allclient.errors import ConfigurationError
from allclient.pacs import codes, disk, structured, verdict
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from allclient.pacs.reporter import targets
from allclient.pacs.uids import derived, key_of

ASSESSMENTS: Final = tuple(codes.ASSESSMENTS)
"""``accepted``, ``corrected`` and ``rejected``, the words of IHE's AI result assessment."""

_CONTAINS: Final = sr.RelationshipTypeValues.CONTAINS


@dataclass(frozen=True, slots=True)
class Signature:
    """Who says what. ``label`` is what a corrected case is; ``by`` is a DICOM name (Doe^Jane).

    Raises ConfigurationError where the parts do not fit together.
    """

    assessment: str
    by: str
    organization: str
    label: Label | None = None
    comment: str = ""

    def __post_init__(self) -> None:
        if self.assessment not in ASSESSMENTS:
            raise ConfigurationError(f"an assessment is one of {', '.join(ASSESSMENTS)}")
        if (self.assessment == "corrected") != (self.label is not None):
            raise ConfigurationError("a corrected report needs the right label, no other has one")
        for name, value in (("name", self.by), ("organization", self.organization)):
            if not value.strip() or not value.isprintable() or len(value) > 64 or "\\" in value:
                raise ConfigurationError(
                    f"the {name} of who signs must be 1 to 64 characters without a backslash"
                )


def sign(config: Config, inbox: Inbox, key: str, signature: Signature) -> str:
    """Sign the report whose key begins with ``key``; the UID of the signed one, which is queued.

    Raises ConfigurationError for a report that is not there, or that a later one follows.
    """
    report = _find(inbox, key)
    made = signed(pydicom.dcmread(inbox.result_path(report["uid"])), signature)
    disk.write(inbox.result_path(made.SOPInstanceUID), _encoded(made))
    with inbox.database.transaction() as connection:
        if connection.execute(
            "SELECT 1 FROM reports WHERE predecessor = ?", (report["uid"],)
        ).fetchone():
            raise ConfigurationError(
                f"a later report follows {key_of(report['uid'])[:12]}: it was signed, or more "
                "images came; sign the later one"
            )
        connection.execute(
            "INSERT INTO reports (uid, study, made, predecessor, state) "
            "VALUES (?, ?, ?, ?, 'built')",
            (made.SOPInstanceUID, report["study"], time.time(), report["uid"]),
        )
        connection.executemany(
            "INSERT INTO exports (instance, target, sop_class, report, kind) "
            "VALUES (?, ?, ?, ?, 'report')",
            [
                (made.SOPInstanceUID, target, made.SOPClassUID, made.SOPInstanceUID)
                for target in (*targets(config), *verdict.targets(config))
            ],
        )
    return str(made.SOPInstanceUID)


def _find(inbox: Inbox, key: str) -> Any:
    found = [
        row
        for row in inbox.database.rows("SELECT * FROM reports WHERE state = 'built'")
        if key and key_of(row["uid"]).startswith(key)
    ]
    if len(found) != 1:
        how_many = "no report has" if not found else f"{len(found)} reports have"
        raise ConfigurationError(
            f"{how_many} a key that begins with {key!r}; allclient pacs queue list --all names them"
        )
    return found[0]


def signed(report: Dataset, signature: Signature) -> Dataset:
    """A VERIFIED copy of ``report`` with the assessment, which names it as its predecessor."""
    made = copy.deepcopy(report)
    now = datetime.datetime.now().astimezone()
    instance = UID(derived("signed", str(report.SOPInstanceUID), repr(signature)))
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = instance
    made.ContentDate = made.InstanceCreationDate = now.strftime("%Y%m%d")
    made.ContentTime = made.InstanceCreationTime = now.strftime("%H%M%S")
    made.VerificationFlag, made.PreliminaryFlag = "VERIFIED", "FINAL"
    observer = Dataset()
    observer.VerifyingObserverName = signature.by
    observer.VerifyingObserverIdentificationCodeSequence = []
    observer.VerifyingOrganization = signature.organization
    observer.VerificationDateTime = now.strftime("%Y%m%d%H%M%S%z")
    made.VerifyingObserverSequence = [observer]
    structured.name_predecessor(made, report)
    made.ContentSequence.append(_assessment(signature))
    return made


def _assessment(signature: Signature) -> Any:
    container = sr.ContainerContentItem(name=codes.ASSESSMENT, relationship_type=_CONTAINS)
    items: list[Any] = [
        sr.CodeContentItem(
            name=codes.ASSESSMENT,
            value=codes.ASSESSMENTS[signature.assessment],
            relationship_type=_CONTAINS,
        )
    ]
    if signature.label is not None:
        items.append(
            sr.CodeContentItem(
                name=codes.CORRECTED_LABEL,
                value=codes.LABELS[signature.label],
                relationship_type=_CONTAINS,
            )
        )
    if signature.comment:
        items.append(
            sr.TextContentItem(
                name=codes.COMMENT, value=signature.comment, relationship_type=_CONTAINS
            )
        )
    container.ContentSequence = sr.ContentSequence(items)
    return container


def _encoded(made: Dataset) -> bytes:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()
