"""Every kind of file is read right or refused as not supported; the docs say which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kinds import table
from tests.kinds.kind import NOT_READ, READ

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"


@pytest.mark.parametrize("format", table.FORMATS)
def test_every_kind_is_read_right_or_refused(format: str) -> None:
    found = table.outcomes(format)
    assert found
    mixed = [name for name, results in found.items() if results not in ({READ}, {NOT_READ})]
    assert not mixed, "the same samples are read in some layouts and not in others"


@pytest.mark.parametrize(
    ("format", "row", "column"),
    [
        ("TIFF", "RGB, planes, 16 bits", "none"),
        ("TIFF", "CMYK, planes, 16 bits", "deflate"),
        ("TIFF", "grey, white is 0, 16 bits", "LZW"),
        ("TIFF", "grey, 12 bits", "none"),
        ("TIFF", "RGB, 8 bits", "JPEG"),
        ("TIFF", "RGB, 8 bits", "JPEG 2000"),
        ("PNG", "grey, 16 bits with a transparent level", "plain"),
        ("PNG", "RGB, 16 bits with a transparent colour", "interlaced"),
        ("BMP", "RGB, 16 bits, masks", ""),
        ("JPEG", "YCCK", ""),
        ("WebP", "lossy", ""),
    ],
)
def test_what_people_have_is_read(format: str, row: str, column: str) -> None:
    assert table.outcomes(format)[row, column] == {READ}


def test_the_docs_are_what_the_table_says() -> None:
    assert DOCS.read_text("utf-8") == table.text(), "python -m tests.kinds > docs/formats.md"
