"""Writes the cells of one field as GeoJSON that QuPath imports (0.4 and later)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any, Final

from allclient.cell import Cell
from allclient.contract import SUBTYPES, Subtype
from allclient.report import Entry
from allclient.view.picture import Size, size_of
from allclient.view.style import STYLES

_NAMESPACE: Final = uuid.UUID("6d1b0ba4-38c9-5d0a-9c53-0d6c1f6b2d5e")

_STORED: Final = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, 1 - x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (1 - y, x),
}
"""From the upright picture to the stored one, by EXIF orientation; points in shares."""


def geojson(entry: Entry) -> bytes:
    """Return a FeatureCollection: a polygon for each cell, in pixels of the stored picture.

    QuPath's readers show a file as it is stored, and do not turn it as its EXIF says.

    Raises:
        ImageReadError: the size of the picture cannot be read any more.
    """
    size = size_of(entry.row.file)
    return collection(entry.row.file, [(cell, cell.subtype) for cell in entry.cells], size)


def collection(image: str, cells: Iterable[tuple[Cell, Subtype]], size: Size) -> bytes:
    """Return a FeatureCollection of cells, each with the class that it is shown as.

    ``image`` names the picture: the same cells of the same picture have the same ids.
    """
    features = [
        _feature(image, number, cell, subtype, size)
        for number, (cell, subtype) in enumerate(cells, 1)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False)
    return text.encode() + b"\n"


def _feature(file: str, number: int, cell: Cell, subtype: Subtype, size: Size) -> dict[str, Any]:
    style = STYLES[subtype]
    identity = f"{file.encode('utf-8', 'backslashreplace').decode()}\n{number}"
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, identity)),
        "geometry": {"type": "Polygon", "coordinates": [_ring(cell, size)]},
        "properties": {
            "objectType": "detection",
            "name": f"{number} {style.words}",
            "classification": {"name": subtype.value, "color": list(style.colour)},
            "measurements": {
                **{f"probability {s.value}": round(cell.probabilities[s], 6) for s in SUBTYPES},
                "area share": round(cell.area_share, 6),
                "agreement": round(cell.agreement, 6),
            },
        },
    }


def _ring(cell: Cell, size: Size) -> list[list[float]]:
    """Return the corners of the box as RFC 7946 has them: counterclockwise, the first one twice."""
    corners = ((cell.x, cell.y), (cell.x + cell.width, cell.y + cell.height))
    stored = [_STORED[size.orientation](x, y) for x, y in corners]
    left, right = sorted(round(x * size.width, 2) for x, _ in stored)
    top, bottom = sorted(round(y * size.height, 2) for _, y in stored)
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
