"""What people read about a file that has no answer: plain sentences, and what to do."""

from __future__ import annotations

import re

import pixels
import pytest
import smear_error
import smear_file

from tests.fuzz.mutants import mutant, seeds

INNER_WORDS = re.compile(
    r"error|exception|decoder|traceback|imagecodecs|libjpeg|libpng|libtiff|libwebp|simplejpeg|pillow"
    r"|numpy|zlib|0x|(?-i:\bNone\b)|[<>{}_\\]|\bIFD\b|returned|expected|invalid",
    re.IGNORECASE,
)
"""What programs say to programmers."""

ALLOWED = re.compile(
    r"\d+ x \d+ pixels|\d[\d,]* (?:megapixels|megabytes|segments|chunks|scans|strips|entries|values"
    r"|bits|components|samples)|0 to 1|8 or 16 bits|\d+-bit|JPEG 2000|\(number \d+\)|RLE[48]|8-bit"
)
"""Numbers that come with a word that says what they count."""

WAYS_OUT = ("save it", "save the", "send ", "export ", "copy or export", "no memory", "no bytes")


def check(error: pixels.ImageError) -> None:
    text = str(error)
    assert not INNER_WORDS.search(text), text
    assert not re.search(r"\d", ALLOWED.sub("", text)), text
    assert 4 <= len(text.split()) <= 45, text
    assert text[0].islower() or text.startswith(("JPEG", "CCITT", "PIXTIFF", "PNG")), text
    assert not text.endswith("."), text
    assert any(way in text for way in WAYS_OUT), text
    assert "  " not in text


def refusal(data: bytes) -> pixels.ImageError | None:
    try:
        pixels.field(data)
    except pixels.ImageError as error:
        return error
    return None


def test_many_broken_files() -> None:
    found = {str(error): error for number in range(1200) if (error := refusal(mutant(number).data))}
    assert len(found) > 40
    for error in found.values():
        check(error)


def test_every_kind_that_is_not_supported() -> None:
    refused = {str(error): error for _, data in set(seeds()) if (error := refusal(data))}
    assert len(refused) > 10
    for error in refused.values():
        assert error.code == smear_file.UNSUPPORTED
        assert smear_error.SAVE in str(error)
        check(error)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (bytes(128) + b"DICM", "a DICOM object"),
        (b"\0\0\0\x20ftypheic", "a HEIC image"),
        (b"ZISRAWFILE", "a Zeiss CZI file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"\0\0\0\x18ftypcrx ", "a raw camera file"),
        (b"hello", "this is text"),
        (b"\x01\x02\x03\x04", "no image format was recognised"),
    ],
)
def test_other_files_are_named(start: bytes, what: str) -> None:
    with pytest.raises(pixels.ImageError) as refused:
        pixels.field(start + b"\0\0" if start != b"hello" else start)
    assert what in str(refused.value)
    check(refused.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WebP"])
@pytest.mark.parametrize(
    "error",
    [ValueError("decoder error -2"), KeyError(34712), OSError("broken data stream"), MemoryError()],
)
def test_the_words_of_a_decoder_stay_inside(kind: str, error: Exception) -> None:
    check(smear_error.refusal(kind, error))
