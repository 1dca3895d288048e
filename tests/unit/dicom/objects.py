"""DICOM objects made by code: the drawn fields of tests/reference, as a microscope sends them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite

REFERENCE = Path(__file__).parents[2] / "reference"
FIELDS = sorted(REFERENCE.glob("drawn-*.jpg"))
PATIENT = "Ungewoehnlich^Xaveria"
PATIENT_ID = "PID-7731-QX"
ACCESSION = "ACC-4242"

VL_MICROSCOPIC = uid.VLMicroscopicImageStorage


def root(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.{number}"


def make_object(
    pixel_data: bytes,
    *,
    rows: int,
    columns: int,
    syntax: str = uid.ExplicitVRLittleEndian,
    photometric: str = "RGB",
    instance: int = 1,
    study: int = 1,
    sop_class: str = VL_MICROSCOPIC,
    **values: Any,
) -> FileDataset:
    """A VL Microscopic object; ``values`` replace or add attributes by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = root(study) + f".{instance}"
    meta.TransferSyntaxUID = syntax
    made = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=bytes(128),
        is_implicit_VR=uid.UID(syntax).is_implicit_VR,
        is_little_endian=uid.UID(syntax).is_little_endian,
    )
    made.SOPClassUID = sop_class
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID = root(study)
    made.SeriesInstanceUID = root(study) + ".0"
    made.PatientName, made.PatientID = PATIENT, PATIENT_ID
    made.PatientBirthDate, made.PatientSex = "19700203", "F"
    made.StudyDate, made.StudyTime, made.StudyID = "20261101", "101500", "1"
    made.AccessionNumber, made.ReferringPhysicianName = ACCESSION, ""
    made.Modality, made.Manufacturer = "GM", "drawn"
    made.SeriesNumber, made.InstanceNumber = 1, instance
    made.ContentDate, made.ContentTime = "20261101", "101501"
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.PatientOrientation = ""
    made.AcquisitionContextSequence = []
    made.BurnedInAnnotation, made.LossyImageCompression = "NO", "00"
    made.SpecimenDescriptionSequence = []
    made.ContainerIdentifier = "SLIDE-1"
    made.IssuerOfTheContainerIdentifierSequence = []
    made.ContainerTypeCodeSequence = []
    grey = photometric.startswith("MONO") or photometric == "PALETTE COLOR"
    made.SamplesPerPixel = 1 if grey else 3
    if not grey:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric
    made.Rows, made.Columns = rows, columns
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    for name, value in values.items():
        setattr(made, name, value)
    compressed = uid.UID(syntax).is_compressed and syntax != uid.DeflatedExplicitVRLittleEndian
    made.PixelData = encapsulate([pixel_data]) if compressed else pixel_data
    made["PixelData"].VR = "OB" if compressed or made.BitsAllocated == 8 else "OW"
    if compressed:
        made["PixelData"].is_undefined_length = True
    return made


def bare(number: int) -> bytes:
    """A drawn field's JPEG stream less its Exif segment, which has no meaning in DICOM."""
    stream = FIELDS[number].read_bytes()
    start = stream.index(b"\xff\xe1")
    assert stream[start + 4 : start + 8] == b"Exif"
    return (
        stream[:start] + stream[start + 2 + int.from_bytes(stream[start + 2 : start + 4], "big") :]
    )


def drawn(number: int = 0) -> np.ndarray:
    """The samples of a drawn field, uint8 [rows, columns, 3]."""
    with Image.open(FIELDS[number]) as picture:
        return np.asarray(picture.convert("RGB"))


def jpeg_object(number: int = 0, **values: Any) -> FileDataset:
    """A drawn field's own JPEG stream in an object."""
    stream = FIELDS[number].read_bytes()
    with Image.open(io.BytesIO(stream)) as picture:
        columns, rows = picture.size
    return make_object(
        stream,
        **{
            "rows": rows,
            "columns": columns,
            "syntax": uid.JPEGBaseline8Bit,
            "photometric": "YBR_FULL_422",
            **values,
        },
    )


def rgb_object(number: int = 0, **values: Any) -> FileDataset:
    """A drawn field's samples in an object."""
    samples = drawn(number)
    return make_object(samples.tobytes(), rows=samples.shape[0], columns=samples.shape[1], **values)


def as_file(made: FileDataset) -> bytes:
    file = io.BytesIO()
    syntax = made.file_meta.TransferSyntaxUID
    dcmwrite(
        file,
        made,
        enforce_file_format=True,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
    )
    return file.getvalue()
