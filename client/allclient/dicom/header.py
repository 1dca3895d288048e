"""Reads the header of a DICOM object: what it is, and whether its picture can come out right."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from typing import Any, Final

import pydicom
from pydicom import uid
from pydicom.dataset import FileDataset

from allclient.contract import ImageErrorCode
from allclient.errors import ImageReadError

# Messages about odd values quote them, and a value may be a patient's name.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom\.")

WHOLE_SLIDE: Final = uid.VLWholeSlideMicroscopyImageStorage

NATIVE: Final = frozenset({uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian})
"""Transfer syntaxes whose pixels need no decoder."""

COMPRESSED: Final = frozenset(
    {
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.JPEGBaseline8Bit,
        uid.JPEGExtended12Bit,
        uid.JPEGLossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEGLSNearLossless,
        uid.JPEG2000Lossless,
        uid.JPEG2000,
        uid.RLELossless,
    }
)
READ: Final = NATIVE | COMPRESSED
"""All transfer syntaxes that are read."""

_DEFLATED: Final = uid.DeflatedExplicitVRLittleEndian.encode()
FILE_META: Final = 4096
"""Bytes at the start of a file in which its transfer syntax stands."""

_PART: Final = 1024 * 1024
"""Bytes that are unpacked at a time."""

_STUDY: Final = "StudyInstanceUID"
_PATIENT: Final = ("PatientName", "PatientID")
_SITES: Final = ("InstitutionName", "StationName")
_MAX_SITE: Final = 64

_COLOURS: Final = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_RCT": 3,
    "YBR_ICT": 3,
}
"""Photometric interpretations that are read, and their samples a pixel."""

_MAX_PIXELS: Final = 150_000_000
"""Largest frame, in pixels; the server refuses a larger one, which is not worth unpacking."""

_MAX_FRAMES: Final = 100_000


def unsupported(message: str) -> ImageReadError:
    """Make the error of an object of a kind that is not read."""
    return ImageReadError(message, code=ImageErrorCode.UNSUPPORTED.value)


def corrupt(message: str) -> ImageReadError:
    """Make the error of an object whose content cannot be trusted."""
    return ImageReadError(message, code=ImageErrorCode.CORRUPT.value)


def parse(data: bytes, *, pixels: bool = True) -> FileDataset:
    """Return the object in a DICOM file. Raises ImageReadError for a broken one.

    Raises ImageReadError for a broken one, whatever is broken.
    """
    try:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels)
    except Exception as error:  # hostile bytes trip the parser in many ways
        raise corrupt(f"the DICOM object cannot be parsed ({type(error).__name__})") from error


def transfer_syntax(dataset: FileDataset) -> str:
    """Return the UID of the object's transfer syntax."""
    return str(getattr(dataset.file_meta, "TransferSyntaxUID", ""))


def is_whole_slide(dataset: FileDataset) -> bool:
    """Return whether the object is a whole slide."""
    return str(dataset.get("SOPClassUID", "")) == WHOLE_SLIDE


def check(dataset: FileDataset, frame: int = 0) -> int:
    """Return the number of frames. Raises ImageReadError if ``frame`` would not come out right."""
    frames = _check(dataset)
    _check_frame(dataset, frame, frames)
    return frames


def _check(dataset: FileDataset) -> int:
    syntax = transfer_syntax(dataset)
    if syntax not in READ:
        raise unsupported(f"the transfer syntax {_name(syntax)} is not read")
    if "PixelData" not in dataset and ("Rows" in dataset or "SOPClassUID" not in dataset):
        raise corrupt("no pixels are left in the object; it may have been cut")
    if "PixelData" not in dataset:
        what = _name(str(dataset.get("SOPClassUID", "")))
        raise unsupported(f"the DICOM object holds no picture: it is {what or 'of no known class'}")
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric not in _COLOURS:
        raise unsupported(f"the photometric interpretation {photometric[:16]!r} is not read")
    samples = int(dataset.get("SamplesPerPixel", 1))
    if samples != _COLOURS[photometric]:
        raise corrupt(f"{samples} samples a pixel do not make {photometric}")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if rows < 1 or columns < 1 or frames < 1:
        raise corrupt(f"a picture of {columns} by {rows} pixels and {frames} frames has no pixels")
    if rows * columns > _MAX_PIXELS:
        raise ImageReadError(
            f"{columns} by {rows} pixels; the largest frame is {_MAX_PIXELS:,} pixels",
            code=ImageErrorCode.TOO_LARGE.value,
        )
    _check_bits(dataset)
    if samples == 1 and photometric != "PALETTE COLOR":
        _check_grey(dataset)
    return frames


def _check_frame(dataset: FileDataset, frame: int, frames: int) -> None:
    if is_whole_slide(dataset):
        raise unsupported(
            "this is a whole-slide image; name its file to allclient classify (a file of this "
            "machine, not a URL), or send it to allclient pacs: they read it in fields"
        )
    if frames > _MAX_FRAMES:
        raise unsupported(f"{frames:,} frames; the most are {_MAX_FRAMES:,}")
    if not 0 <= frame < frames:
        raise corrupt(f"there is no frame {frame + 1}: the object has {frames}")


def _check_bits(dataset: FileDataset) -> None:
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if allocated not in (8, 16) or not 2 <= stored <= allocated:
        raise unsupported(f"{stored} bits stored in {allocated} are not read")
    if int(dataset.get("HighBit", stored - 1)) != stored - 1:
        raise unsupported(f"{stored} bits that end at bit {dataset.HighBit} are not read")
    if int(dataset.get("PixelRepresentation", 0)) != 0:
        raise unsupported("signed samples have no agreed range of brightness")


def _check_grey(dataset: FileDataset) -> None:
    """Refuse grey values that mean something else than brightness over the whole range."""
    slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    if float(slope) != 1 or float(intercept) != 0 or "ModalityLUTSequence" in dataset:
        raise unsupported("its grey values are rescaled to a quantity; a field has brightness")
    if "VOILUTSequence" in dataset or not _is_whole_window(dataset):
        raise unsupported("its grey values are shown through a window; export it without one")
    if str(dataset.get("PresentationLUTShape", "IDENTITY")) not in ("IDENTITY", "INVERSE"):
        raise unsupported("its presentation LUT shape is not read")


def _is_whole_window(dataset: FileDataset) -> bool:
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is None or width is None:
        return True
    full = 2 ** int(dataset.BitsStored)
    return bool(abs(float(width) - full) <= 1 and abs(float(centre) - full / 2) <= 1)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, pydicom.multival.MultiValue) and value else value


def _name(text: str) -> str:
    """Return a UID's name in the standard; the UID itself if it has none; "(none)" if empty."""
    return uid.UID(text[:64]).name or "(none)"


def is_deflated(data: bytes) -> bool:
    """Return whether a DICOM file is deflated as a whole: what it unpacks to has no limit."""
    return _DEFLATED in data[:FILE_META]


def inflates_within(deflated: bytes, limit: int) -> bool:
    """Return whether a deflated dataset unpacks to at most ``limit`` bytes, and to its end."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    size, left = 0, deflated
    try:
        while not unpacker.eof:
            part = unpacker.decompress(left, _PART)
            size, left = size + len(part), unpacker.unconsumed_tail
            if size > limit or not (part or left):
                return False
    except zlib.error:
        return False
    return True


def site(data: bytes) -> str:
    """Return where a DICOM file was made; empty where it does not say it or cannot be read.

    It is the institution, else the station, else the application that sent the file. A word that
    names the patient as well is passed over.
    """
    if is_deflated(data):
        return ""
    try:
        dataset = pydicom.dcmread(
            io.BytesIO(data), stop_before_pixels=True, specific_tags=[*_SITES, *_PATIENT]
        )
        patient = " ".join(str(dataset.get(name, "")) for name in _PATIENT).casefold()
        said = [str(dataset.get(name, "")) for name in _SITES]
        said.append(str(dataset.file_meta.get("SourceApplicationEntityTitle", "")))
    except Exception:  # hostile values trip pydicom wherever they are looked at
        return ""
    names = {part for part in re.split(r"[\W_]+", patient) if len(part) > 1}
    for text in (" ".join(re.findall(r"[^\W_]+|[-.,&()]", one))[:_MAX_SITE] for one in said):
        if text and names.isdisjoint(re.split(r"\W+", text.casefold())):
            return text
    return ""


def study(data: bytes) -> str:
    """Return the Study Instance UID of a DICOM file; empty where it cannot be read."""
    if is_deflated(data):
        return ""
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=[_STUDY])
        found = str(dataset.StudyInstanceUID)
    except Exception:  # hostile values trip pydicom wherever they are looked at
        return ""
    return found if re.fullmatch(r"[0-9.]{1,64}", found) else ""
