"""Writes a signed result as an HL7 v2.5.1 message, ORU^R01."""

from __future__ import annotations

import datetime
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import PersonName

from allclient.pacs import codes
from allclient.pacs.config import Hl7
from allclient.pacs.study import NOTICE
from allclient.pacs.uids import derived, key_of
from allclient.pacs.verdict import CODED, Finding, Verdict, text_of

_ESCAPES: Final = str.maketrans(
    dict.fromkeys((*range(32), 127), " ")  # control characters would end the block
    | {ord("\r"): "\\.br\\", ord("\n"): "\\.br\\"}
    | {ord("\\"): "\\E\\", ord("|"): "\\F\\", ord("^"): "\\S\\"}
    | {ord("&"): "\\T\\", ord("~"): "\\R\\"}
)
"""The hl7 library writes what is not ASCII by numbers that no other reads; this leaves it."""


def control_id(instance: str) -> str:
    """Return MSH-10 of a report's message: the same at every try, 20 characters at most."""
    return key_of(instance)[:20]


def message(verdict: Verdict, settings: Hl7, ae_title: str) -> str:
    """Return the message, its segments ended by carriage returns."""
    header = verdict.header
    status = "C" if verdict.amends else "F"
    notes = [*([verdict.comment] if verdict.comment else []), NOTICE]
    segments = [
        "MSH|^~\\&|" + _fields(_message_header(header, settings, ae_title), first=3),
        "PID|" + _fields(_patient(header)),
        "OBR|" + _fields(_request(verdict, ae_title, status)),
        *(
            "NTE|" + _fields({1: str(number), 2: "L", 3: note})
            for number, note in enumerate(notes, 1)
        ),
        *(
            "OBX|" + _fields(_observation(number, finding, verdict, status))
            for number, finding in enumerate(verdict.findings, 1)
        ),
    ]
    return "".join(f"{segment}\r" for segment in segments)


_Fields = dict[int, str | tuple[str, ...]]
"""Fields by their numbers in the standard; a tuple has components."""


def _fields(values: _Fields, *, first: int = 1) -> str:
    """Return fields from number ``first`` on, escaped."""
    written = []
    for number in range(first, max(values) + 1):
        value = values.get(number, "")
        parts = (value,) if isinstance(value, str) else value
        written.append("^".join(part.translate(_ESCAPES) for part in parts).rstrip("^"))
    return "|".join(written)


def _message_header(header: Dataset, settings: Hl7, ae_title: str) -> _Fields:
    return {
        3: ae_title,
        5: settings.application,
        6: settings.facility,
        7: _time(datetime.datetime.now().astimezone()),
        9: ("ORU", "R01", "ORU_R01"),
        10: control_id(header.SOPInstanceUID),
        11: "P",
        12: "2.5.1",
        18: "UNICODE UTF-8",
    }


def _patient(header: Dataset) -> _Fields:
    return {
        1: "1",
        3: (text_of(header, "PatientID"), "", "", text_of(header, "IssuerOfPatientID")),
        5: _name(PersonName(text_of(header, "PatientName"))),
        7: text_of(header, "PatientBirthDate"),
        8: text_of(header, "PatientSex"),
    }


def _request(verdict: Verdict, ae_title: str, status: str) -> _Fields:
    header = verdict.header
    # What names the result of a study is the same where a later one replaces it.
    filler = derived("result", str(header.StudyInstanceUID), ae_title)
    date = text_of(header, "StudyDate")
    return {
        1: "1",
        3: (filler, ae_title),
        4: _coded(codes.REPORT),
        7: date and date + text_of(header, "StudyTime").partition(".")[0],
        18: text_of(header, "AccessionNumber"),
        22: _time(verdict.signed_at),
        24: "HM",
        25: status,
    }


def _observation(number: int, finding: Finding, verdict: Verdict, status: str) -> _Fields:
    value = finding.value
    coded = finding.code in CODED
    fields: _Fields = {
        1: str(number),
        2: "CWE" if coded else "NM",
        3: _coded(finding.code),
        11: "X" if value is None else status,
        14: _time(verdict.signed_at),
        16: ("", *_name(verdict.by)),
    }
    if isinstance(value, Code):
        fields[5] = _coded(value)
    elif value is not None:
        fields[5] = f"{value:.6f}".rstrip("0").rstrip(".")  # NM has no exponent
        fields[6] = _coded(codes.NO_UNITS)
    return fields


def _coded(code: Code) -> tuple[str, str, str]:
    return (code.value, code.meaning, code.scheme_designator)


def _name(name: PersonName) -> tuple[str, ...]:
    """Return a DICOM name in the order of HL7, which has the suffix before the prefix."""
    return (name.family_name, name.given_name, name.middle_name, name.name_suffix, name.name_prefix)


def _time(moment: datetime.datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")
