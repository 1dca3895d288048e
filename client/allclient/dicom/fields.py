"""Makes an encoded field with the same pixels of a DICOM object.

A JPEG stream goes into a file as it is; nothing is decoded here, the server does that. Plain
samples go into a PNG. All else is unpacked by a child process, into a PNG as well.
"""

from __future__ import annotations

import struct
from typing import Final

from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame

from allclient.dicom import EncodedField, child, header, jpeg_stream
from allclient.dicom.samples import icc_profile, png
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageReadError

_PASSED_ON: Final = frozenset({"MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422"})
"""Photometric interpretations of a JPEG stream that a JPEG file can say."""


def encode(data: bytes, frame: int) -> EncodedField:
    """Encode frame number ``frame`` (from 0) of a DICOM file; raise ImageReadError alone."""
    try:
        return _encode(data, frame)
    except ImageReadError:
        raise
    except Exception as error:  # hostile values trip pydicom wherever they are looked at
        raise header.corrupt(f"the DICOM object is damaged ({type(error).__name__})") from error


def _encode(data: bytes, frame: int) -> EncodedField:
    if header.is_deflated(data):
        return child.encode(data, frame)
    dataset = header.parse(data)
    frames = header.check(dataset, frame)
    syntax = header.transfer_syntax(dataset)
    if (
        syntax == uid.JPEGBaseline8Bit
        and str(dataset.PhotometricInterpretation) in _PASSED_ON
        and str(dataset.get("PresentationLUTShape", "IDENTITY")) == "IDENTITY"
    ):
        return EncodedField(_jpeg(dataset, frame, frames), frames, um_per_pixel(dataset))
    if syntax in header.NATIVE:
        return EncodedField(png(dataset, frame), frames, um_per_pixel(dataset))
    return child.encode(data, frame)


def _jpeg(dataset: FileDataset, frame: int, frames: int) -> bytes:
    try:
        stream = get_frame(dataset.PixelData, frame, number_of_frames=frames)
    except (ValueError, struct.error, IndexError, EOFError) as error:
        raise header.corrupt(f"frame {frame + 1} cannot be found in the object") from error
    frame_head = jpeg_stream.look(stream)
    if (frame_head.columns, frame_head.rows) != (dataset.Columns, dataset.Rows):
        raise header.corrupt(
            f"the JPEG stream has {frame_head.columns} by {frame_head.rows} pixels and the object "
            f"says {dataset.Columns} by {dataset.Rows}"
        )
    if frame_head.components != int(dataset.SamplesPerPixel):
        raise header.corrupt(f"the JPEG stream has {frame_head.components} components")
    return jpeg_stream.as_file(
        stream,
        frame_head,
        is_rgb=dataset.PhotometricInterpretation == "RGB",
        profile=icc_profile(dataset),
    )
