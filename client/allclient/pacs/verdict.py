"""Reads what a person has signed out of the signed report, for HL7 v2 and FHIR alike."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.coding import Code
from pydicom.valuerep import PersonName

from allclient.pacs import codes
from allclient.pacs.config import Config

CODED: Final = (codes.ASSESSMENT, codes.CASE_LABEL, codes.PERSON_SUBTYPE)
"""What a person has said of the case."""

NUMBERS: Final = (
    codes.FIELDS_READ,
    codes.FIELDS_MALIGNANT,
    codes.FIELDS_TO_REVIEW,
    codes.FIELDS_NOT_READ,
    codes.LEUKOCYTES,
    codes.MALIGNANT_LEUKOCYTES,
    codes.MALIGNANT_SHARE,
    codes.MALIGNANT_SHARE_LOW,
    codes.MALIGNANT_SHARE_HIGH,
)
"""What the software counted in the case."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One value of the result. None is a value that nobody stands for, or that was not counted."""

    code: Code
    value: Code | float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A signed result. The findings are always the same ones, so that a later result replaces all.

    ``header`` has the attributes of patient and study. ``amends`` says that an earlier result of
    the study may have arrived.
    """

    header: Dataset
    findings: tuple[Finding, ...]
    comment: str
    by: PersonName
    organization: str
    signed_at: datetime.datetime
    amends: bool


def text_of(header: Dataset, name: str) -> str:
    """Return an attribute as text; several values, which none of these may have, as DICOM does."""
    value = header.get(name)
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    return "" if value is None else str(value).strip()


def targets(config: Config) -> list[str]:
    """Return where signed results go besides the archive: ``hl7``, ``fhir``, both or nowhere."""
    wanted = {"hl7": config.hl7, "fhir": config.fhir}
    return [name for name, target in wanted.items() if target is not None]


def verdict_of(signed: Dataset, *, amends: bool) -> Verdict:
    """Return the result in a VERIFIED report.

    An accepted one has the label and the counts of the software. A corrected one has the label
    that the person gave, and a rejected one none; both have no counts.
    """
    summary = _container(signed, codes.CASE_SUMMARY)
    said = _container(signed, codes.ASSESSMENT)
    assessment = _concept(said[codes.ASSESSMENT.value])
    accepted = assessment == codes.ASSESSMENTS["accepted"]
    label = summary[codes.CASE_LABEL.value] if accepted else said.get(codes.CORRECTED_LABEL.value)
    subtype = said.get(codes.PERSON_SUBTYPE.value)
    comment = said.get(codes.COMMENT.value)
    observer = signed.VerifyingObserverSequence[0]
    return Verdict(
        header=signed,
        findings=(
            Finding(codes.ASSESSMENT, assessment),
            Finding(codes.CASE_LABEL, None if label is None else _concept(label)),
            Finding(codes.PERSON_SUBTYPE, None if subtype is None else _concept(subtype)),
            *(
                Finding(code, _number(summary.get(code.value)) if accepted else None)
                for code in NUMBERS
            ),
        ),
        comment="" if comment is None else str(comment.TextValue),
        by=observer.VerifyingObserverName,
        organization=str(observer.VerifyingOrganization),
        signed_at=datetime.datetime.strptime(str(observer.VerificationDateTime), "%Y%m%d%H%M%S%z"),
        amends=amends,
    )


def _container(report: Dataset, name: Code) -> dict[str, Dataset]:
    """Return the items of the last container of this name by their codes: the last word counts."""
    found = [
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == name.value
        and item.ConceptNameCodeSequence[0].CodingSchemeDesignator == name.scheme_designator
    ]
    return {item.ConceptNameCodeSequence[0].CodeValue: item for item in found[-1].ContentSequence}


def _concept(item: Dataset) -> Code:
    concept = item.ConceptCodeSequence[0]
    return Code(concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning)


def _number(item: Dataset | None) -> float | None:
    return None if item is None else float(item.MeasuredValueSequence[0].NumericValue)
