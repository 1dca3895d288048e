"""Draws a field with its heat map and a line of text, as a Secondary Capture."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from allclient.contract import Label
from allclient.pacs.derived import derived_object
from allclient.pacs.study import Field
from allclient.pacs.uids import derived

WIDTH: Final = 768
"""Pixels; a smaller field stays as it is."""

_STRIP: Final = 44
_HEAT: Final = (255, 60, 0)
_MAX_HEAT: Final = 0.45
"""The share of the heat's colour where the map is 1."""


def build(field: Field, encoded: bytes, *, series: str, number: int, version: str) -> Dataset:
    """Return the object; ``encoded`` is the field as a JPEG or PNG file."""
    drawn = draw(field, encoded)
    file = io.BytesIO()
    drawn.save(file, "JPEG", quality=90, subsampling="4:2:2")
    source = field.image.header
    made = derived_object(
        source,
        sop_class=uid.SecondaryCaptureImageStorage,
        instance=instance_of(field),
        series=series,
        series_number=9101,
        number=number,
        modality="GM",
        version=version,
        transfer_syntax=uid.JPEGBaseline8Bit,
    )
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.PatientOrientation = ""
    made.SamplesPerPixel, made.PlanarConfiguration = 3, 0
    made.PhotometricInterpretation = "YBR_FULL_422"
    made.Columns, made.Rows = drawn.size
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.LossyImageCompression = "01"
    made.LossyImageCompressionMethod = "ISO_10918_1"
    raw = drawn.width * drawn.height * 3
    made.LossyImageCompressionRatio = f"{raw / file.tell():.1f}"
    made.DerivationDescription = "Field with leukocytes and class activation map"
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if field.image.frames > 1:
        reference.ReferencedFrameNumber = field.frame + 1
    made.SourceImageSequence = [reference]
    made.PixelData = encapsulate([file.getvalue()])
    return made


def instance_of(field: Field) -> str:
    """Return the SOP Instance UID of a field's picture."""
    return derived("picture", str(field.image.header.SOPInstanceUID), str(field.frame))


def draw(field: Field, encoded: bytes) -> Image.Image:
    """Draw the field with the heat of a malignant answer over it, and below what was answered."""
    with Image.open(io.BytesIO(encoded)) as opened:
        picture = opened.convert("RGB")
    if picture.width > WIDTH:
        height = max(1, round(picture.height * WIDTH / picture.width))
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    if field.result.label is Label.MALIGNANT:
        picture = _heated(picture, field.result.heatmap)
    _outline_cells(picture, field)
    whole = Image.new("RGB", (max(picture.width, 256), picture.height + _STRIP), "black")
    whole.paste(picture, (0, 0))
    pen = ImageDraw.Draw(whole)
    font = ImageFont.load_default(13)
    for line, text in enumerate(caption(field)):
        pen.text((6, picture.height + 4 + 18 * line), text, "white", font)
    return whole


def _outline_cells(picture: Image.Image, field: Field) -> None:
    """Draw a box around each leukocyte: red if it is called malignant, else green."""
    pen = ImageDraw.Draw(picture)
    for cell in field.result.cells or ():
        left, top, right, bottom = cell.box(*picture.size)
        colour = "red" if cell.label is Label.MALIGNANT else "lime"
        pen.rectangle((left, top, right - 1, bottom - 1), outline=colour)


def caption(field: Field) -> tuple[str, str]:
    """Return two lines: the answer, and that it is for a pathologist."""
    result = field.result
    answer = f"{result.label.value} {result.probability:.0%}"
    if result.label is Label.MALIGNANT:
        answer += f", {result.subtype.value}"
    if result.review:
        answer += " - REVIEW: " + ", ".join(reason.value for reason in result.review)
    return answer, "allclient, for a pathologist; not a medical device"


def _heated(picture: Image.Image, heat: npt.NDArray[np.float32]) -> Image.Image:
    levels = np.rint(np.clip(heat, 0, 1) * 255 * _MAX_HEAT).astype(np.uint8)
    mask = Image.fromarray(levels).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", picture.size, _HEAT), picture, mask)
