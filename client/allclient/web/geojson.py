"""Packs the cells of many fields as GeoJSON for QuPath: a ZIP with one file for each field."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import IO, Final

from sqlalchemy.orm import Session

from allclient.contract import Subtype
from allclient.errors import ImageReadError
from allclient.store import answers, cells
from allclient.store.files import Files
from allclient.store.schema import Field
from allclient.view.geojson import collection
from allclient.view.picture import size_in

LEFT_OUT: Final = "left-out.txt"
"""Names the fields whose size in pixels cannot be read, and why."""


def write(session: Session, fields: Iterable[Field], files: Files, target: IO[bytes]) -> int:
    """Write the cells of all fields with an answer; return how many fields were written.

    A corrected cell has the class that a person gave it, and the probabilities of the backbones.
    ``field-7.geojson`` belongs to the file that the page gives out as ``field-7`` with its ending.
    """
    written, left_out = 0, []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for field in fields:
            if field.answer is None:
                continue
            rows = cells.of_field(session, field.id)
            try:
                size = size_in(files.read(field.digest))
            except ImageReadError as error:
                left_out.append(f"field-{field.id}: {error}\n")
                continue
            text = collection(
                field.digest,
                [(answers.cell_of(row), Subtype(row.shown_as)) for row in rows],
                size,
            )
            archive.writestr(f"field-{field.id}.geojson", text)
            written += 1
        if left_out:
            archive.writestr(LEFT_OUT, "".join(left_out))
    return written
