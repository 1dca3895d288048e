"""Makes the report as a page to read: a PDF, encapsulated in DICOM."""

from __future__ import annotations

from typing import Final

from fpdf import FPDF
from pydicom import uid
from pydicom.dataset import Dataset

from allclient.cases import CASE_REASONS, Case, CaseLabel
from allclient.pacs.derived import derived_object
from allclient.pacs.structured import UNKNOWN, Algorithm, Identity
from allclient.pacs.study import NOTICE, StudyReading
from allclient.pacs.uids import derived

TITLE: Final = "Fields of a smear, read by software"

_COLUMNS: Final = ("picture", "answer", "stage", "probability", "review")


def build(reading: StudyReading, identity: Identity, algorithm: Algorithm) -> Dataset:
    """Return the object. The page names no patient; the object's header does."""
    made = derived_object(
        reading.images[0].header,
        sop_class=uid.EncapsulatedPDFStorage,
        instance=derived("document", identity.uid),
        series=derived("documents", identity.series),
        series_number=9102,
        number=1,
        modality="DOC",
        version=algorithm.version,
    )
    made.AcquisitionDateTime = ""
    made.DocumentTitle = TITLE
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    page = pdf(reading, algorithm)
    made.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    made.EncapsulatedDocumentLength = len(page)
    return made


def pdf(reading: StudyReading, algorithm: Algorithm) -> bytes:
    """Return the page: what was counted, and a row for each field."""
    page = FPDF()
    page.set_title(TITLE)
    page.set_creator(f"allclient {algorithm.version}")
    page.add_page()
    page.set_font("helvetica", "B", 15)
    page.cell(0, 9, TITLE, new_x="LMARGIN", new_y="NEXT")
    page.set_font("helvetica", size=10)
    _say(page, f"{NOTICE} UNVERIFIED until a person signs.")
    page.ln(2)
    for line in case_lines(reading.case):
        _say(page, line)
    releases = {field.result.release or UNKNOWN for field in reading.fields}
    names = ", ".join(sorted(releases))
    _say(page, f"{algorithm.model}, version {algorithm.version}, release {names}.")
    page.ln(2)
    page.set_font("helvetica", size=9)
    with page.table(col_widths=(26, 20, 22, 20, 60), text_align="LEFT") as table:
        table.row(_COLUMNS)
        for field in reading.fields:
            result = field.result
            table.row(
                (
                    field.name,
                    result.label.value,
                    result.subtype.value,
                    f"{result.probability:.3f}",
                    ", ".join(reason.value.replace("_", " ") for reason in result.review) or "-",
                )
            )
    return bytes(page.output())


def case_lines(case: Case) -> list[str]:
    """Return the case in sentences."""
    label = "not clear: a person decides" if case.label is CaseLabel.REVIEW else case.label.value
    lines = [
        f"Case: {label}.",
        *(f"- {CASE_REASONS[reason]}" for reason in case.reasons),
        f"{case.fields} fields read, {case.malignant_fields} called malignant, "
        f"{case.to_review} with a review reason; {case.failed} pictures not read.",
    ]
    if case.leukocytes and (share := case.malignant_share) is not None:
        between = "" if share.low is None else f" ({share.low:.0%} to {share.high:.0%})"
        lines.append(
            f"{case.malignant_leukocytes} of {case.leukocytes} leukocytes read are called "
            f"malignant: {share.value:.0%}{between}. This is no blast count."
        )
    return lines


def _say(page: FPDF, text: str) -> None:
    page.multi_cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")
