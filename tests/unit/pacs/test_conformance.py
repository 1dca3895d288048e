"""docs/conformance.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom.sr.coding import Code
from pydicom.uid import UID

from allclient.dicom import header, levels, slide
from allclient.pacs import (
    classes,
    codes,
    deidentify,
    fetcher,
    fhir,
    reader,
    receiver,
    sender,
    verdict,
)

TEXT = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next of its level."""
    level = title.split(" ", 1)[0]
    _, _, rest = TEXT.partition(f"\n{title}\n")
    assert rest, f"no heading {title!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith("| ---")
    ]


def uids(text: str) -> dict[str, str]:
    return {row[1]: row[0] for row in rows(text) if len(row) > 1 and row[1].startswith("1.2.840")}


def test_what_is_taken_in() -> None:
    said = uids(section("### 2.1 Taken in"))
    assert set(said) == {*classes.STORED, *classes.TRANSFER_SYNTAXES}
    for uid, name in said.items():
        assert name == UID(uid).name
    flagged = {row[1] for row in rows(section("### 2.1 Taken in")) if "flagged" in row[-1]}
    assert flagged == set(classes.FLAGGED)
    assert f"the first {reader.MAX_FRAMES}" in section("### 2.1 Taken in")


def test_how_a_slide_is_read() -> None:
    text = " ".join(section("### 2.1 Taken in").split())
    assert f"{1.2 * levels.KNOWN_UM:.2f} µm at most" in text
    assert f"{levels.MAX_UM:.2f} µm at most" in text
    assert f"fields of about {levels.FIELD_UM:.0f} µm" in text
    assert f"at most {slide.MAX_FIELDS} fields" in text


def test_the_statuses() -> None:
    said = [
        row[0] for row in rows(section("### 2.1 Taken in")) if re.fullmatch("[0-9A-F]{4}", row[0])
    ]
    assert said == [
        f"{status:04X}"
        for status in (
            receiver.SUCCESS,
            receiver.OUT_OF_RESOURCES,
            receiver.MISMATCH,
            receiver.NOT_UNDERSTOOD,
        )
    ]


def test_what_is_sent() -> None:
    assert set(uids(section("### 2.2 Sent"))) == set(sender.SENT)


def test_the_photometric_interpretations() -> None:
    (said,) = [row[1] for row in rows(section("## 4 Images that are read")) if "Photo" in row[0]]
    assert set(said.split(", ")) == set(header._COLOURS)


def test_the_private_codes() -> None:
    said = {row[0]: row[1] for row in rows(section("## 5 The report")) if row[0] != "code"}
    found = {
        code.value: code.meaning
        for concept in vars(codes).values()
        for code in (concept.values() if isinstance(concept, dict) else (concept,))
        if isinstance(code, Code) and code.scheme_designator == codes.SCHEME
    }
    assert said == found


def test_what_is_fetched() -> None:
    text = section("### 2.3 Fetched")
    said = uids(text)
    models = (
        fetcher.StudyRootQueryRetrieveInformationModelFind,
        fetcher.StudyRootQueryRetrieveInformationModelMove,
    )
    assert said == {model: UID(model).name for model in models}
    *most, last = fetcher.MODALITIES
    assert f"{', '.join(most)} or {last}" in text


def test_the_profiles_of_deidentification() -> None:
    text = section("## 6 Security")
    for code in (deidentify.coded(value) for value in deidentify.CODES):
        assert f"{code.CodeValue} {code.CodeMeaning}" in text
    assert f"edition {deidentify.TABLES}" in text


def test_the_sites() -> None:
    said = re.findall(r"(\d{8}) (Bone marrow|Blood)", section("## 5 The report"))
    assert said == [(code.value, code.meaning) for code in codes.SITES.values()]


def test_the_signed_result() -> None:
    text = section("## 7 HL7 v2 and FHIR")
    said = [row[0] for row in rows(text) if row[0] != "code"]
    findings = (*verdict.CODED, *verdict.NUMBERS)
    assert said == [code.value for code in findings]
    assert f"`{fhir.PRIVATE_SYSTEM}`" in text
