"""Makes new objects of a study: patient and study as in the image that they come from."""

from __future__ import annotations

import datetime
from typing import Final

from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

IDENTITY_REMOVED: Final = (
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
)
"""What an object says that was de-identified; what is made from it says so as well."""

_COPIED: Final = (
    # Patient
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "OtherPatientIDsSequence",
    "EthnicGroup",
    *IDENTITY_REMOVED,
    # Study
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "SpecificCharacterSet",
)
_NEVER_ABSENT: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Attributes of type 2, which are there even if empty."""


def derived_object(
    source: Dataset,
    *,
    sop_class: str,
    instance: str,
    series: str,
    series_number: int,
    number: int,
    modality: str,
    version: str,
    transfer_syntax: str = uid.ExplicitVRLittleEndian,
) -> Dataset:
    """Return an object without content in the study of ``source``.

    It has equipment and series.
    """
    made = Dataset()
    for name in _COPIED:
        if name in source:
            made[name] = source[name]
        elif name in _NEVER_ABSENT:
            setattr(made, name, "")
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uid.UID(sop_class)
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uid.UID(instance)
    made.file_meta.TransferSyntaxUID = uid.UID(transfer_syntax)
    made.SeriesInstanceUID = series
    made.SeriesNumber, made.InstanceNumber = series_number, number
    made.SeriesDescription = "allclient: for a pathologist, not a medical device"
    made.Modality = modality
    made.Manufacturer = made.ManufacturerModelName = "allclient"
    made.SoftwareVersions = version
    made.ConversionType = "WSD"
    now = datetime.datetime.now()
    made.ContentDate = made.InstanceCreationDate = now.strftime("%Y%m%d")
    made.ContentTime = made.InstanceCreationTime = now.strftime("%H%M%S")
    made.BurnedInAnnotation = "NO"
    made.Laterality = ""
    return made
