"""De-identifies objects on their way in, by the basic profile of DICOM PS3.15.

What becomes of each attribute is in the tables of dicom-anonymizer. UIDs and patient IDs become
others by a secret key in the gateway's folder: the same ones each time, so that a study stays a
study and a patient a patient, and nobody without the key can tell whose they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pydicom
from dicomanonymizer import simpledicomanonymizer as library
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from allclient.pacs import disk
from allclient.pacs.received import Received

Rule = Callable[[Dataset, tuple[int, int]], None]

TABLES: Final = "2026c"
"""The edition of the standard that the tables are of."""

KEY_FILE: Final = "pseudonyms.key"

_TO_EMPTY: Final = (
    "AccessionNumber",
    "PatientBirthDate",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyID",
    "StudyTime",
)
"""Attributes of type 2 that have no dummy value."""

CODES: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113110": "Retain UIDs Option",
}
"""Codes of Deidentification Method (CID 7050)."""


class IdentifiedError(Exception):
    """An object that cannot be de-identified, and why."""


class Deidentifier:
    """Makes objects anonymous. ``keep_uids`` is the standard's option to leave the UIDs."""

    def __init__(self, folder: Path, *, keep_uids: bool) -> None:
        self._key = _key(folder / KEY_FILE)
        self._keep_uids = keep_uids
        swapped: dict[Any, Rule] = {
            library.delete: _remove,
            library.empty: _empty,
            library.delete_or_empty: _empty,
            library.replace_UID: library.keep if keep_uids else self._replace_uid,
        }
        rules: dict[Any, Rule] = library.initialize_actions(f"dicomfields_{TABLES}")
        self._rules: dict[Any, Rule] = {tag: swapped.get(rule, rule) for tag, rule in rules.items()}
        self._ranges = [(tag, rule) for tag, rule in self._rules.items() if len(tag) > 2]

    def __call__(self, received: Received, data: bytes) -> tuple[Received, bytes]:
        """Return the object without the patient. Raises IdentifiedError if that cannot be."""
        try:
            dataset = pydicom.dcmread(io.BytesIO(data))
            _check_pixels(dataset)
            self._deidentify(dataset)
            file = io.BytesIO()
            dataset.save_as(file, enforce_file_format=True)
        except IdentifiedError:
            raise
        except Exception as error:  # hostile values, or a value that no rule knows
            raise IdentifiedError(type(error).__name__) from error
        names = str(dataset.SOPInstanceUID), str(dataset.StudyInstanceUID)
        return Received(*names, received.sop_class, received.peer), file.getvalue()

    def _deidentify(self, dataset: Any) -> None:
        patient = str(dataset.get("PatientID") or "")
        issuer = str(dataset.get("IssuerOfPatientID") or "")
        self._apply(dataset)
        for name in _TO_EMPTY:
            if name in dataset:
                setattr(dataset, name, "")
        pseudonym = self._digest("patient", issuer, patient).hex()[:16].upper() if patient else ""
        dataset.PatientID = pseudonym
        dataset.PatientName = pseudonym and f"{pseudonym}^"  # a family name alone
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.preamble = bytes(128)
        dataset.PatientIdentityRemoved = "YES"
        dataset.LongitudinalTemporalInformationModified = "REMOVED"
        dataset.DeidentificationMethod = f"DICOM PS3.15 {TABLES} Basic Profile, by allclient"
        dataset.DeidentificationMethodCodeSequence = [
            coded(value) for value in CODES if value != "113110" or self._keep_uids
        ]

    def _apply(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            if tag.is_private:
                del dataset[tag]
                continue
            if rule := self._rule(tag):
                rule(dataset, (tag.group, tag.element))
            if tag in dataset and dataset[tag].VR == "SQ":
                for item in dataset[tag].value or ():
                    self._apply(item)

    def _rule(self, tag: BaseTag) -> Rule | None:
        for (group, element, groups, elements), rule in self._ranges:
            if (
                tag.group & groups == group & groups
                and tag.element & elements == element & elements
            ):
                return rule
        return self._rules.get((tag.group, tag.element))

    def _replace_uid(self, dataset: Dataset, tag: tuple[int, int]) -> None:
        element = dataset[tag]
        if isinstance(element.value, MultiValue):
            element.value = [self._uid(str(value)) for value in element.value]
        elif element.value:
            element.value = self._uid(str(element.value))

    def _uid(self, value: str) -> str:
        return f"2.25.{int.from_bytes(self._digest('uid', value)[:16], 'big')}"

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._key, chr(0).join(parts).encode(), hashlib.sha256)


def _check_pixels(dataset: Dataset) -> None:
    """Refuse pictures that say that they show who the patient is."""
    if str(dataset.get("BurnedInAnnotation", "")) == "YES":
        raise IdentifiedError("its pixels have burned-in annotations")
    kinds = {str(kind) for kind in dataset.get("ImageType") or ()}
    if "LABEL" in kinds or str(dataset.get("SpecimenLabelInImage", "")) == "YES":
        raise IdentifiedError("it shows the label of the slide")


def _remove(dataset: Dataset, tag: tuple[int, int]) -> None:
    del dataset[tag]


def _empty(dataset: Dataset, tag: tuple[int, int]) -> None:
    if dataset[tag].VR in ("DA", "DT", "TM"):
        dataset[tag].value = ""
    else:
        library.empty(dataset, tag)


def coded(value: str) -> Dataset:
    """Return an item of Deidentification Method Code Sequence."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = value, "DCM"
    code.CodeMeaning = CODES[value]
    return code


def _key(path: Path) -> bytes:
    """Return the secret key, which is made at the first time."""
    if not path.exists():
        made = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        disk.write(made, secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(made, path)
        made.unlink()
        disk.sync(path.parent)
    return path.read_bytes()
