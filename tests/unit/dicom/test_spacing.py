"""The size of a pixel, as a DICOM object says it."""

from __future__ import annotations

from typing import Any

import pytest

pydicom = pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from pydicom import uid
from pydicom.dataset import Dataset

from allclient import AsyncClient, Client
from allclient.client.reading import read_field
from allclient.dicom.spacing import um_per_pixel
from tests.unit.client.kserve import KServe
from tests.unit.dicom.objects import as_file, jpeg_object, rgb_object

SPACING = ["0.00025", "0.00025"]


def dataset(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def shared(spacing: Any) -> list[Dataset]:
    return [dataset(PixelMeasuresSequence=[dataset(PixelSpacing=spacing)])]


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ({"PixelSpacing": SPACING}, 0.25),
        ({"PixelSpacing": ["0.000251", "0.00025"]}, 0.25),
        ({"PixelSpacing": ["0.00026", "0.00025"]}, None),
        ({"PixelSpacing": ["0.2645", "0.2645"]}, None),  # of a screen
        ({"PixelSpacing": ["0", "0"]}, None),
        ({"PixelSpacing": "0.00025"}, None),
        ({"PixelSpacing": None}, None),
        ({"SharedFunctionalGroupsSequence": shared(SPACING)}, 0.25),
        ({"SharedFunctionalGroupsSequence": []}, None),
        (
            {
                "ImagedVolumeWidth": 0.5,
                "ImagedVolumeHeight": 0.25,
                "TotalPixelMatrixColumns": 2000,
                "TotalPixelMatrixRows": 1000,
            },
            0.25,
        ),
        ({}, None),
    ],
)
def test_what_an_object_says(values: dict[str, Any], size: float | None) -> None:
    assert um_per_pixel(dataset(**values)) == size


def test_a_jpeg_plain_samples_and_the_child_carry_it() -> None:
    objects = [
        jpeg_object(PixelSpacing=SPACING),
        rgb_object(PixelSpacing=SPACING),
        rgb_object(PixelSpacing=SPACING, syntax=uid.DeflatedExplicitVRLittleEndian),
        rgb_object(syntax=uid.DeflatedExplicitVRLittleEndian),
    ]
    sizes = [read_field(as_file(made)).um_per_pixel for made in objects]
    assert sizes == [0.25, 0.25, 0.25, None]


async def test_it_is_sent_where_the_user_says_nothing() -> None:
    data = as_file(jpeg_object(PixelSpacing=SPACING))
    with KServe() as server:
        with Client(server.address) as client:
            assert client.classify(data).um_per_pixel == 0.25
            assert client.classify(data, um_per_pixel=0.5).um_per_pixel == 0.5
            (outcome,) = client.classify_many([data])
            assert outcome.unwrap().um_per_pixel == 0.25
        async with AsyncClient(server.address) as other:
            assert (await other.classify(data)).um_per_pixel == 0.25
            many = [outcome async for outcome in other.classify_many([data])]
            assert many[0].unwrap().um_per_pixel == 0.25
        sent = [parameters["um_per_pixel"] for parameters in server.parameters]
        assert sent == ["0.25", "0.5", "0.25", "0.25", "0.25"]
