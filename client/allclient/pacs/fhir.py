"""Writes a signed result as FHIR R4: a DiagnosticReport with its Observations, in one bundle."""

from __future__ import annotations

import uuid
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from pydicom.sr.coding import Code

from allclient.pacs import codes
from allclient.pacs.study import NOTICE
from allclient.pacs.uids import derived
from allclient.pacs.verdict import Finding, Verdict, text_of

PRIVATE_SYSTEM: Final = "urn:oid:" + derived("coding scheme", codes.SCHEME)
"""Names the scheme 99ALLCLIENT."""

SYSTEMS: Final = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "SCT": "http://snomed.info/sct",
    codes.SCHEME: PRIVATE_SYSTEM,
}
_UCUM: Final = "http://unitsofmeasure.org"
_URI: Final = "urn:ietf:rfc:3986"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"


def bundle(verdict: Verdict, ae_title: str, patient_system: str | None) -> dict[str, Any]:
    """Return a transaction, checked against the models of FHIR R4B, which for these equal R4.

    Each resource is updated by its identifier, which the study gives. So a second try, and a later
    result of the study, replace the first.
    """
    study = str(verdict.header.StudyInstanceUID)
    common = _common(verdict, patient_system)
    observations = [
        _entry(
            "Observation",
            derived("observation", study, ae_title, finding.code.value),
            common | _observation(finding, verdict),
        )
        for finding in verdict.findings
    ]
    report = _entry(
        "DiagnosticReport",
        derived("result", study, ae_title),
        common | _report(verdict, [entry["fullUrl"] for entry in observations]),
    )
    made: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [report, *observations],
    }
    Bundle.model_validate(made)
    return made


def _entry(kind: str, uid: str, content: dict[str, Any]) -> dict[str, Any]:
    name = f"urn:oid:{uid}"
    return {
        "fullUrl": f"urn:uuid:{uuid.UUID(int=int(uid.rpartition('.')[2]))}",
        "resource": {
            "resourceType": kind,
            "identifier": [{"system": _URI, "value": name}],
            **content,
        },
        "request": {"method": "PUT", "url": f"{kind}?identifier={_URI}|{name}"},
    }


def _common(verdict: Verdict, patient_system: str | None) -> dict[str, Any]:
    header = verdict.header
    common: dict[str, Any] = {"issued": verdict.signed_at.isoformat()}
    if patient := text_of(header, "PatientID"):
        system = {"system": patient_system} if patient_system else {}
        common["subject"] = {"type": "Patient", "identifier": {**system, "value": patient}}
    if accession := text_of(header, "AccessionNumber"):
        kind = {"coding": [{"system": f"{_TERMS}v2-0203", "code": "ACSN"}]}
        identifier = {"type": kind, "value": accession}
        common["basedOn"] = [{"type": "ServiceRequest", "identifier": identifier}]
    if len(date := text_of(header, "StudyDate")) == 8:
        common["effectiveDateTime"] = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return common


def _report(verdict: Verdict, observations: list[str]) -> dict[str, Any]:
    label = next(item.value for item in verdict.findings if item.code == codes.CASE_LABEL)
    return {
        "status": "amended" if verdict.amends else "final",
        "category": [{"coding": [{"system": f"{_TERMS}v2-0074", "code": "HM"}]}],
        "code": _concept(codes.REPORT),
        "performer": [{"display": verdict.organization}],
        "resultsInterpreter": [{"display": str(verdict.by)}],
        "result": [{"reference": name} for name in observations],
        "conclusion": " ".join(filter(None, (verdict.comment, NOTICE))),
        **({"conclusionCode": [_concept(label)]} if isinstance(label, Code) else {}),
    }


def _observation(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    value = finding.value
    content: dict[str, Any] = {"code": _concept(finding.code)}
    if value is None:
        reason = {"system": f"{_TERMS}data-absent-reason", "code": "unknown"}
        return content | {"status": "cancelled", "dataAbsentReason": {"coding": [reason]}}
    content["status"] = "amended" if verdict.amends else "final"
    if isinstance(value, Code):
        return content | {"valueCodeableConcept": _concept(value)}
    return content | {"valueQuantity": {"value": value, "system": _UCUM, "code": "1"}}


def _concept(code: Code) -> dict[str, Any]:
    coding = {
        "system": SYSTEMS[code.scheme_designator],
        "code": code.value,
        "display": code.meaning,
    }
    return {"coding": [coding]}
