"""DICOM files on the command line and in the library, before a server that records what comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from pydicom.encaps import encapsulate

from allclient import AsyncClient, Client, ReviewReason
from allclient.cli.group import run
from tests.unit.client.kserve import MALIGNANT_ANSWER, Answer, KServe
from tests.unit.dicom.objects import FIELDS, as_file, bare, jpeg_object, rgb_object


def two_frames() -> bytes:
    made = jpeg_object(NumberOfFrames=2)
    made.PixelData = encapsulate([FIELDS[0].read_bytes(), FIELDS[1].read_bytes()])
    return as_file(made)


def test_classify_sends_the_picture_and_names_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.dcm").write_bytes(as_file(jpeg_object()))
    (tmp_path / "b.dcm").write_bytes(two_frames())
    (tmp_path / "c.dcm").write_bytes(as_file(rgb_object(Rows=9000)))
    received = []

    def respond(image: bytes) -> Answer:
        received.append(image)
        return MALIGNANT_ANSWER

    with KServe(respond) as server:
        code = run(["classify", str(tmp_path), "--server", server.address, "--format", "jsonl"])
    assert code == 1
    assert received == [bare(0)] * 2
    printed = capfd.readouterr()
    rows = {Path(row["file"]).name: row for row in map(json.loads, printed.out.splitlines())}
    assert rows["a.dcm"]["review"] == []
    assert rows["b.dcm"]["review"] == ["first_page_only"]
    assert rows["c.dcm"]["error"]["code"] == "image_corrupt"
    assert "Ungewoehnlich" not in printed.out + printed.err


async def test_both_clients_ask_for_review_of_several_frames() -> None:
    with KServe(lambda _: MALIGNANT_ANSWER) as server:
        with Client(server.address) as client:
            assert client.classify(two_frames()).review == (ReviewReason.FIRST_PAGE_ONLY,)
        async with AsyncClient(server.address) as waiting:
            assert (await waiting.classify(two_frames())).review == (ReviewReason.FIRST_PAGE_ONLY,)
            async for outcome in waiting.classify_many([two_frames()]):
                assert outcome.unwrap().review == (ReviewReason.FIRST_PAGE_ONLY,)
