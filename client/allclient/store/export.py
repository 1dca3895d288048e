"""What was found, for other programs: CSV, JSON Lines, and a data set to train on."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from allclient.contract import BACKBONES, SUBTYPES
from allclient.store.files import Files
from allclient.store.schema import Field
from allclient.store.words import Verdict

COLUMNS: Final = (
    "case",
    "case_name",
    "field",
    "name",
    "sha256",
    "state",
    "label",
    "subtype",
    "probability",
    *(f"probability_{subtype.value}" for subtype in SUBTYPES),
    *(f"vote_{backbone.value}" for backbone in BACKBONES),
    "review",
    "ood_score",
    "leukocytes",
    "malignant_leukocytes",
    "verdict",
    "verified_subtype",
    "verified_by",
    "verified_at",
    "comment",
    "error",
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would compute."""

_ENDINGS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/webp": "webp",
}


def row(field: Field) -> dict[str, Any]:
    """A field and what was said of it, as plain values by COLUMNS; the answer is the backbones'."""
    answer, last = field.answer, field.verifications[-1] if field.verifications else None
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values |= {
        "case": field.case_id,
        "case_name": field.case.name,
        "field": field.id,
        "name": field.name,
        "sha256": field.digest,
        "state": field.state,
        "error": field.error_code,
    }
    if answer is not None:
        values |= {
            "label": answer.label,
            "subtype": answer.subtype,
            "probability": answer.probability,
            "review": answer.review,
            "ood_score": answer.ood_score,
            "leukocytes": answer.leukocytes,
            "malignant_leukocytes": answer.malignant_leukocytes,
        }
        values |= {f"probability_{s.value}": answer.probabilities[s.value] for s in SUBTYPES}
        values |= {f"vote_{b.value}": answer.votes.get(b.value) for b in BACKBONES}
    if last is not None:
        values |= {
            "verdict": last.verdict,
            "verified_subtype": last.subtype,
            "verified_by": last.user_name,
            "verified_at": last.created_at.isoformat(timespec="seconds"),
            "comment": last.comment,
        }
    return values


def as_csv(fields: Iterable[Field]) -> Iterator[str]:
    """CSV with a header. A text that a spreadsheet would compute gets a quote before it."""
    yield _line(COLUMNS)
    for field in fields:
        values = row(field)
        values["review"] = None if values["review"] is None else " ".join(values["review"])
        yield _line(_harmless(values[column]) for column in COLUMNS)


def as_jsonl(fields: Iterable[Field]) -> Iterator[str]:
    """Yield a JSON line for each field."""
    for field in fields:
        yield json.dumps(row(field), ensure_ascii=False, allow_nan=False) + "\n"


def write_dataset(fields: Iterable[Field], files: Files, target: IO[bytes]) -> int:
    """A ZIP of class folders and ``patients.csv``, as ``training`` reads them; how many images.

    Only fields with a subtype that a person confirmed or corrected are in it. A case is a patient,
    so that fields of one case never stand on both sides of a split.
    """
    patients = io.StringIO()
    table = csv.writer(patients, lineterminator="\n")
    table.writerow(("path", "patient", "slide"))
    written: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for field in fields:
            named = field.verdict in (Verdict.CONFIRMED.value, Verdict.CORRECTED.value)
            if not named or field.verified_subtype is None or field.digest in written:
                continue
            written.add(field.digest)
            ending = _ENDINGS.get(field.file.media_type, "img")
            path = f"{field.verified_subtype}/field-{field.id}.{ending}"
            archive.writestr(path, files.read(field.digest))
            table.writerow((path, f"case-{field.case_id}", ""))
        archive.writestr("patients.csv", patients.getvalue())
    return len(written)


def _line(values: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
