"""Levels of a whole-slide image made by code: a mosaic of drawn fields with empty glass around."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom import tag, uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate

from tests.unit.dicom.objects import drawn, make_object, root

GLASS = 240


def mosaic(across: int = 4, down: int = 3, tile: int = 256) -> np.ndarray:
    """Drawn fields on tiles of a board, like the white squares of a chess board; glass between."""
    board = np.full((down * tile, across * tile, 3), GLASS, np.uint8)
    number = 0
    for row in range(down):
        for column in range(row % 2, across, 2):
            with Image.fromarray(drawn(number % 12)) as picture:
                field = np.asarray(picture.resize((tile, tile)))
            board[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile] = field
            number += 1
    return board


def level(
    board: np.ndarray,
    *,
    um: float | None,
    tile: int = 256,
    syntax: str = uid.ExplicitVRLittleEndian,
    kind: str = "VOLUME",
    instance: int = 1,
    sparse: bool = False,
    **values: Any,
) -> FileDataset:
    """One level of a slide with pixels of ``um`` micrometres."""
    rows, columns = board.shape[:2]
    down, across = -(-rows // tile), -(-columns // tile)
    whole = np.full((down * tile, across * tile, 3), GLASS, np.uint8)
    whole[:rows, :columns] = board
    places = [(row, column) for row in range(down) for column in range(across)]
    tiles = [
        whole[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
        for row, column in places
    ]
    compressed = syntax == uid.JPEGBaseline8Bit
    made = make_object(
        _jpeg(tiles[0]) if compressed else b"".join(each.tobytes() for each in tiles),
        rows=tile,
        columns=tile,
        instance=instance,
        sop_class=uid.VLWholeSlideMicroscopyImageStorage,
        photometric="YBR_FULL_422" if compressed else "RGB",
        syntax=syntax,
        Modality="SM",
        ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"],
        NumberOfFrames=len(tiles),
        TotalPixelMatrixRows=rows,
        TotalPixelMatrixColumns=columns,
        TotalPixelMatrixFocalPlanes=1,
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        DimensionOrganizationType="TILED_SPARSE" if sparse else "TILED_FULL",
        FrameOfReferenceUID=root(77),
        PositionReferenceIndicator="SLIDE_CORNER",
        VolumetricProperties="VOLUME",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        **{"SpecimenLabelInImage": "NO", **values},
    )
    if compressed:
        made.PixelData = encapsulate([_jpeg(each) for each in tiles])
    made.TotalPixelMatrixOriginSequence = [_of(XOffsetInSlideCoordinateSystem=20.0)]
    made.TotalPixelMatrixOriginSequence[0].YOffsetInSlideCoordinateSystem = 40.0
    organization = _of(DimensionOrganizationUID=root(78))
    made.DimensionOrganizationSequence = [organization]
    made.OpticalPathSequence = [_of(OpticalPathIdentifier="1")]
    made.NumberOfOpticalPaths = 1
    shared = Dataset()
    if um is not None:
        measures = _of(PixelSpacing=[um / 1000, um / 1000], SliceThickness=0.001)
        shared.PixelMeasuresSequence = [measures]
        made.ImagedVolumeWidth, made.ImagedVolumeHeight = columns * um / 1000, rows * um / 1000
        made.ImagedVolumeDepth = 1.0
    shared.OpticalPathIdentificationSequence = [_of(OpticalPathIdentifier="1")]
    made.SharedFunctionalGroupsSequence = [shared]
    if sparse:
        made.DimensionIndexSequence = [
            _of(
                DimensionOrganizationUID=root(78),
                DimensionIndexPointer=pointer,
                FunctionalGroupPointer=tag.Tag("PlanePositionSlideSequence"),
            )
            for pointer in (
                tag.Tag("RowPositionInTotalImagePixelMatrix"),
                tag.Tag("ColumnPositionInTotalImagePixelMatrix"),
            )
        ]
        made.PerFrameFunctionalGroupsSequence = [
            _of(
                FrameContentSequence=[_of(DimensionIndexValues=[row + 1, column + 1])],
                PlanePositionSlideSequence=[
                    _of(
                        ColumnPositionInTotalImagePixelMatrix=column * tile + 1,
                        RowPositionInTotalImagePixelMatrix=row * tile + 1,
                        XOffsetInSlideCoordinateSystem=0.0,
                        YOffsetInSlideCoordinateSystem=0.0,
                        ZOffsetInSlideCoordinateSystem=0.0,
                    )
                ],
            )
            for row, column in places
        ]
    return made


def _of(**values: Any) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


def _jpeg(tile: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "JPEG", quality=90, subsampling="4:2:2")
    return file.getvalue()
