"""A DICOM object's picture comes out as it is in the object, or is refused with the reason."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from PIL import Image, ImageCms
from pydicom import uid
from pydicom.encaps import encapsulate

from allclient import dicom
from allclient.client.reading import read_field, read_image
from allclient.dicom.samples import _as_shown
from allclient.errors import ImageReadError
from tests.unit.dicom.objects import (
    FIELDS,
    as_file,
    bare,
    drawn,
    jpeg_object,
    make_object,
    rgb_object,
)


def picture(data: bytes, frame: int = 0) -> np.ndarray:
    with Image.open(io.BytesIO(dicom.encoded_field(data, frame).data)) as opened:
        return np.asarray(opened.convert("RGB"))


def refusal(data: bytes) -> ImageReadError:
    with pytest.raises(ImageReadError) as refused:
        dicom.encoded_field(data)
    return refused.value


def test_an_object_that_names_no_transfer_syntax_says_so() -> None:
    error = refusal(bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00")
    assert (error.code, str(error)) == (
        "image_unsupported",
        "the transfer syntax (none) is not read",
    )


def test_a_jpeg_stream_goes_out_as_it_is() -> None:
    assert dicom.encoded_field(as_file(jpeg_object())).data == bare(0)


def test_a_turn_that_only_the_stream_speaks_of_is_none() -> None:
    """A viewer of DICOM shows the pixels as they are stored, and so must boxes lie on them."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(drawn()).save(file, "JPEG", quality=95, exif=exif)
    made = jpeg_object()
    made.PixelData = encapsulate([file.getvalue()])
    with Image.open(io.BytesIO(dicom.encoded_field(as_file(made)).data)) as opened:
        assert opened.getexif().get(0x0112) is None
        assert np.abs(np.asarray(opened).astype(int) - drawn()).mean() < 3


def test_read_image_gives_the_picture_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "field"
    path.write_bytes(as_file(jpeg_object(3)))
    assert read_image(path) == bare(3)
    assert read_field(path).frames == 1


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    ],
    ids=lambda value: value.name,
)
def test_plain_samples_come_out_exactly(syntax: uid.UID) -> None:
    made = rgb_object(syntax=syntax)
    assert np.array_equal(picture(as_file(made)), drawn())


@pytest.mark.parametrize(
    "syntax",
    [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless],
    ids=lambda value: value.name,
)
def test_lossless_pixels_come_out_exactly_from_the_child(syntax: uid.UID) -> None:
    made = rgb_object()
    made.compress(syntax)
    assert np.array_equal(picture(as_file(made)), drawn())


def test_lossy_jpeg_2000_comes_out_near() -> None:
    made = rgb_object()
    made.compress(uid.JPEG2000, j2k_cr=[4])
    assert np.abs(picture(as_file(made)).astype(int) - drawn()).mean() < 3


def test_planes() -> None:
    planes = drawn().transpose(2, 0, 1).tobytes()
    made = make_object(planes, rows=224, columns=298, PlanarConfiguration=1)
    assert np.array_equal(picture(as_file(made)), drawn())


def test_ycbcr_samples() -> None:
    ycbcr = Image.fromarray(drawn()).convert("YCbCr").tobytes()
    made = make_object(ycbcr, rows=224, columns=298, photometric="YBR_FULL")
    assert np.abs(picture(as_file(made)).astype(int) - drawn()).max() <= 3


@pytest.mark.parametrize(("photometric", "inverse"), [("MONOCHROME2", 0), ("MONOCHROME1", 1)])
def test_grey(photometric: str, inverse: int) -> None:
    grey = drawn()[..., 1]
    made = make_object(grey.tobytes(), rows=224, columns=298, photometric=photometric)
    assert np.array_equal(picture(as_file(made))[..., 0], 255 - grey if inverse else grey)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_more_bits_are_scaled_by_their_own_range(bits: int) -> None:
    most = 2**bits - 1
    samples = np.array([[0, most // 2, most]], np.uint16)
    made = make_object(
        samples.tobytes(),
        rows=1,
        columns=3,
        photometric="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=bits,
        HighBit=bits - 1,
    )
    assert picture(as_file(made))[0, :, 0].tolist() == [0, 127, 255]


def test_a_decoded_sample_above_its_bits_is_refused() -> None:
    header = rgb_object(BitsStored=7)
    with pytest.raises(ImageReadError, match="more than 7 bits hold"):
        _as_shown(np.array([[128]], np.uint8), header)


def test_a_palette() -> None:
    entries = {
        f"{name}PaletteColorLookupTableDescriptor": [4, 0, 16] for name in ("Red", "Green", "Blue")
    }
    for number, name in enumerate(("Red", "Green", "Blue")):
        values = np.array([0, 65535, 257 * 10 * number, 257 * 128], np.uint16)
        entries[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    samples = np.array([[0, 1], [2, 3]], np.uint8)
    made = make_object(samples.tobytes(), rows=2, columns=2, photometric="PALETTE COLOR", **entries)
    assert picture(as_file(made)).tolist() == [
        [[0, 0, 0], [255, 255, 255]],
        [[0, 10, 20], [128, 128, 128]],
    ]


def test_an_rgb_jpeg_stream_is_marked_as_rgb() -> None:
    """Without a mark a decoder takes three components for YCbCr, and red turns out green."""
    file = io.BytesIO()
    Image.fromarray(drawn()).save(file, "JPEG", quality=95, keep_rgb=True)
    bare = _without_marks(file.getvalue())
    made = make_object(bare, rows=224, columns=298, syntax=uid.JPEGBaseline8Bit, photometric="RGB")
    assert np.abs(picture(as_file(made)).astype(int) - drawn()).mean() < 2


def _without_marks(stream: bytes) -> bytes:
    """Less its JFIF and Adobe segments, and with component ids that say nothing of colour."""
    kept, position = stream[:2], 2
    while stream[position + 1] != 0xDA:
        length = 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        segment = bytearray(stream[position : position + length])
        if segment[1] == 0xC0:
            segment[10], segment[13], segment[16] = 1, 2, 3
        if segment[1] not in (0xE0, 0xEE):
            kept += bytes(segment)
        position += length
    scan = bytearray(stream[position:])
    scan[5], scan[7], scan[9] = 1, 2, 3
    return kept + bytes(scan)


def test_the_profile_of_the_object_goes_with_the_picture() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for made in (jpeg_object(ICCProfile=profile), rgb_object(ICCProfile=profile)):
        with Image.open(io.BytesIO(dicom.encoded_field(as_file(made)).data)) as opened:
            opened.load()
            assert opened.info["icc_profile"] == profile.ljust(
                len(profile) + len(profile) % 2, b"\0"
            )


def test_of_several_frames_each_can_be_had() -> None:
    streams = [FIELDS[number].read_bytes() for number in (0, 1)]
    made = jpeg_object(NumberOfFrames=2)
    made.PixelData = encapsulate(streams)
    data = as_file(made)
    assert read_field(data) == (bare(0), 2, None)
    assert dicom.encoded_field(data, 1).data == bare(1)
    assert dicom.encoded_field(data, 1).frames == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"PixelRepresentation": 1}, "signed"),
        ({"HighBit": 6}, "end at bit"),
        ({"BitsStored": 1, "HighBit": 0}, "1 bits stored"),
        ({"RescaleSlope": "2", "RescaleIntercept": "0"}, "rescaled"),
        ({"WindowCenter": "40", "WindowWidth": "80"}, "window"),
    ],
)
def test_grey_values_that_would_come_out_wrong_are_refused(
    values: dict[str, Any], said: str
) -> None:
    made = make_object(bytes(4), rows=2, columns=2, photometric="MONOCHROME2", **values)
    error = refusal(as_file(made))
    assert error.code == "image_unsupported"
    assert said in str(error)


def test_a_window_over_the_whole_range_changes_nothing() -> None:
    made = make_object(
        bytes(range(4)),
        rows=2,
        columns=2,
        photometric="MONOCHROME2",
        WindowCenter="128",
        WindowWidth="256",
    )
    assert picture(as_file(made))[..., 0].ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "code", "said"),
    [
        ({"PhotometricInterpretation": "HSV"}, "image_unsupported", "'HSV'"),
        ({"SamplesPerPixel": 1}, "image_corrupt", "samples a pixel"),
        ({"Rows": 0}, "image_corrupt", "no pixels"),
        ({"Rows": 60000, "Columns": 60000}, "image_too_large", "largest frame"),
        ({"Rows": 225}, "image_corrupt", "unpacked"),
        ({"NumberOfFrames": 7}, "image_corrupt", "unpacked"),
        ({"SOPClassUID": uid.VLWholeSlideMicroscopyImageStorage}, "image_unsupported", "whole-sli"),
    ],
)
def test_headers_that_cannot_be_right(values: dict[str, Any], code: str, said: str) -> None:
    error = refusal(as_file(rgb_object(**values)))
    assert (error.code, said in str(error)) == (code, True), str(error)


def test_a_jpeg_stream_of_another_size_is_refused() -> None:
    error = refusal(as_file(jpeg_object(Rows=100)))
    assert error.code == "image_corrupt"
    assert "298 by 224" in str(error)


def test_what_has_no_picture_is_named() -> None:
    made = rgb_object(SOPClassUID=uid.Comprehensive3DSRStorage)
    del made.PixelData, made.Rows
    assert "Comprehensive 3D SR" in str(refusal(as_file(made)))


def test_an_unknown_transfer_syntax_is_named() -> None:
    made = jpeg_object(syntax=uid.MPEG2MPML)
    error = refusal(as_file(made))
    assert error.code == "image_unsupported"
    assert "MPEG2" in str(error)


@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.ExplicitVRLittleEndian])
def test_a_cut_object_is_refused(syntax: uid.UID) -> None:
    made = rgb_object()
    if syntax.is_compressed:
        made.compress(syntax)
    data = as_file(made)
    assert refusal(data[: len(data) // 2]).code == "image_corrupt"


def test_a_deflated_bomb_ends_the_child_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte of zeros packs to a megabyte: unpacked, it meets the child's limit of memory."""
    import zlib

    from allclient.dicom import child

    data = as_file(rgb_object(syntax=uid.DeflatedExplicitVRLittleEndian))
    start = data.index(uid.DeflatedExplicitVRLittleEndian.encode()) + 22
    pack = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(pack.compress(bytes(2**24)) for _ in range(40)) + pack.flush()
    code = (
        f"import sys; from allclient.dicom import child; child.MEMORY = {400 * 2**20}; child.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "0"],
        input=data[:start] + bomb,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0 or done.stdout[:1] == b"e"
    assert child.MEMORY > 400 * 2**20


def test_a_tiff_with_a_dicom_mark_stays_a_tiff() -> None:
    assert not dicom.is_dicom(b"II*\0" + bytes(124) + b"DICM")


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "allclient.dicom.fields", None)
    error = refusal(as_file(jpeg_object()))
    assert error.code == "image_unsupported"
    assert "pip install 'allclient[pacs]'" in str(error)


def test_nothing_that_is_said_names_the_patient() -> None:
    made = rgb_object(PhotometricInterpretation="Ungewoehnlich^X")
    made.Rows = 225
    assert "PID-7731" not in str(refusal(as_file(made)))


@pytest.mark.parametrize("compressed", [False, True])
def test_mutated_objects_raise_image_errors_alone(compressed: bool) -> None:
    chance = random.Random(17)
    source = as_file(jpeg_object() if compressed else rgb_object())
    refused = 0
    for _ in range(400):
        data = bytearray(source)
        for _ in range(chance.randint(1, 20)):
            data[chance.randrange(132, min(len(data), 2000))] = chance.randrange(256)
        if uid.DeflatedExplicitVRLittleEndian.encode() in data[:4096]:
            continue
        try:
            dicom.encoded_field(bytes(data))
        except ImageReadError:
            refused += 1
    assert 50 < refused < 400


def test_a_study_has_its_uid_whatever_the_syntax_of_its_object() -> None:
    made = rgb_object()
    assert dicom.study_uid(as_file(made)) == made.StudyInstanceUID
    assert dicom.study_uid(as_file(jpeg_object())) == jpeg_object().StudyInstanceUID
    deflated = rgb_object(syntax=uid.DeflatedExplicitVRLittleEndian)
    assert dicom.study_uid(as_file(deflated)) == ""
    assert dicom.study_uid(b"no DICOM object") == ""
    made.StudyInstanceUID = "../../etc/passwd"
    assert dicom.study_uid(as_file(made)) == ""
