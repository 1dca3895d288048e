"""A person's word on a report, and the VERIFIED copy of the report that says it."""

from __future__ import annotations

import copy
import datetime
from dataclasses import dataclass
from typing import Any, Final

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.uid import UID

from allclient.contract import Label, Subtype
from allclient.errors import ConfigurationError
from allclient.pacs import codes, structured
from allclient.pacs.uids import derived

ASSESSMENTS: Final = tuple(codes.ASSESSMENTS)
"""``accepted``, ``corrected`` and ``rejected``, the words of IHE's AI result assessment."""

_CONTAINS: Final = sr.RelationshipTypeValues.CONTAINS


@dataclass(frozen=True, slots=True)
class Signature:
    """Who says what, and when. ``by`` is a DICOM name (Doe^Jane).

    ``label`` is what a corrected case is. ``subtype`` is the maturation stage that the person saw
    in a malignant case. ``at`` has a time zone; None is the time of signing.
    Raises ConfigurationError where the parts do not fit together.
    """

    assessment: str
    by: str
    organization: str
    label: Label | None = None
    comment: str = ""
    subtype: Subtype | None = None
    at: datetime.datetime | None = None

    def __post_init__(self) -> None:
        if self.assessment not in ASSESSMENTS:
            raise ConfigurationError(f"an assessment is one of {', '.join(ASSESSMENTS)}")
        if (self.assessment == "corrected") != (self.label is not None):
            raise ConfigurationError("a corrected report needs the right label, no other has one")
        if self.subtype is not None and (
            self.assessment == "rejected"
            or self.label is Label.BENIGN
            or self.subtype is Subtype.BENIGN
        ):
            raise ConfigurationError("a subtype needs a case that is accepted or malignant")
        if self.at is not None and self.at.tzinfo is None:
            raise ConfigurationError("the time of signing needs a time zone")
        for name, value in (("name", self.by), ("organization", self.organization)):
            if not value.strip() or not value.isprintable() or len(value) > 64 or "\\" in value:
                raise ConfigurationError(
                    f"the {name} of who signs must be 1 to 64 characters without a backslash"
                )


def signed_uid(report: str, signature: Signature) -> str:
    """Return the UID of what becomes of a report by a signature."""
    return derived("signed", report, repr(signature))


def case_label(report: Dataset) -> Any:
    """Return the item of a report that has the software's label of the case."""
    summary = next(
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.CASE_SUMMARY.value
    )
    return next(
        item
        for item in summary.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.CASE_LABEL.value
    )


def says(report: Dataset, label: Label) -> bool:
    """Return whether the software gave the case this label."""
    value: str = case_label(report).ConceptCodeSequence[0].CodeValue
    return value == codes.LABELS[label].value


def signed(report: Dataset, signature: Signature) -> Dataset:
    """Return a VERIFIED copy of ``report`` with the assessment, which names its predecessor.

    Raises ConfigurationError for a subtype of a case that the software does not call malignant.
    """
    if (
        signature.subtype is not None
        and signature.label is None
        and not says(report, Label.MALIGNANT)
    ):
        raise ConfigurationError("the accepted case is not malignant, so it has no subtype")
    made = copy.deepcopy(report)
    made.decode()  # the texts as they are, before another character set is named
    made.SpecificCharacterSet = "ISO_IR 192"
    now = datetime.datetime.now().astimezone()
    instance = UID(signed_uid(str(report.SOPInstanceUID), signature))
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = instance
    made.ContentDate = made.InstanceCreationDate = now.strftime("%Y%m%d")
    made.ContentTime = made.InstanceCreationTime = now.strftime("%H%M%S")
    made.VerificationFlag, made.PreliminaryFlag = "VERIFIED", "FINAL"
    observer = Dataset()
    observer.VerifyingObserverName = signature.by
    observer.VerifyingObserverIdentificationCodeSequence = []
    observer.VerifyingOrganization = signature.organization
    observer.VerificationDateTime = (signature.at or now).strftime("%Y%m%d%H%M%S%z")
    made.VerifyingObserverSequence = [observer]
    structured.name_predecessor(made, report)
    made.ContentSequence.append(_assessment(signature))
    return made


def _assessment(signature: Signature) -> Any:
    container = sr.ContainerContentItem(name=codes.ASSESSMENT, relationship_type=_CONTAINS)
    answers = [(codes.ASSESSMENT, codes.ASSESSMENTS[signature.assessment])]
    if signature.label is not None:
        answers.append((codes.CORRECTED_LABEL, codes.LABELS[signature.label]))
    if signature.subtype is not None:
        answers.append((codes.PERSON_SUBTYPE, codes.SUBTYPES[signature.subtype]))
    items: list[Any] = [
        sr.CodeContentItem(name=name, value=value, relationship_type=_CONTAINS)
        for name, value in answers
    ]
    if signature.comment:
        items.append(
            sr.TextContentItem(
                name=codes.COMMENT, value=signature.comment, relationship_type=_CONTAINS
            )
        )
    container.ContentSequence = sr.ContentSequence(items)
    return container
