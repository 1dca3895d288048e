"""Encodes decoded samples of a DICOM frame as a PNG file of 8 bits: what a viewer shows."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array

from allclient.dicom.header import corrupt

Samples = npt.NDArray[Any]


def png(dataset: FileDataset, frame: int) -> bytes:
    """Return one frame as a PNG file. Raises ImageReadError for samples that cannot be right."""
    try:
        samples: Samples = pixel_array(dataset, index=frame)
    except Exception as error:  # decoders raise what they like about foreign bytes
        raise corrupt(f"its pixels cannot be unpacked ({type(error).__name__})") from error
    picture = Image.fromarray(_as_bytes(_as_shown(samples, dataset), dataset))
    file = io.BytesIO()
    # The profile is written as it is: whether it fits is the server's to judge, as for any file.
    picture.save(file, "PNG", compress_level=1, icc_profile=icc_profile(dataset))
    return file.getvalue()


def _as_shown(samples: Samples, dataset: Dataset) -> Samples:
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        try:
            return np.asarray(apply_color_lut(samples, dataset))
        except Exception as error:
            raise corrupt(f"its palette cannot be read ({type(error).__name__})") from error
    largest = 2 ** int(dataset.BitsStored) - 1
    if samples.size and int(samples.max()) > largest:
        raise corrupt(
            f"a sample of {int(samples.max())} is more than {dataset.BitsStored} bits hold"
        )
    inverse = str(dataset.get("PresentationLUTShape", "")) == "INVERSE"
    if photometric == "MONOCHROME1" or (photometric == "MONOCHROME2" and inverse):
        return np.asarray(largest - samples)
    return samples


def _as_bytes(samples: Samples, dataset: Dataset) -> npt.NDArray[np.uint8]:
    if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
        bits = _entry_bits(dataset)
    else:
        bits = int(dataset.BitsStored)
    if bits == 8:
        return np.ascontiguousarray(samples, np.uint8)
    scale = 255 / (2**bits - 1)
    return np.asarray(np.rint(samples.astype(np.float32) * scale), np.uint8)


def _entry_bits(dataset: Dataset) -> int:
    """Return the bits of a palette's entries; pydicom gives them in as many."""
    return int(dataset.RedPaletteColorLookupTableDescriptor[2])


def icc_profile(dataset: Dataset) -> bytes | None:
    """Return the ICC profile of the picture, or of its optical path if that has one."""
    if profile := dataset.get("ICCProfile"):
        return bytes(profile)
    for path in dataset.get("OpticalPathSequence") or ():
        if profile := path.get("ICCProfile"):
            return bytes(profile)
    return None
