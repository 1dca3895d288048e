"""Results and files made for the tests of the store and of the web page."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from allclient.cell import Cell
from allclient.contract import BACKBONES, CELL_FEATURES, ReviewReason, Subtype
from allclient.result import Result
from allclient.store import Actor, Store, fields
from allclient.store.schema import Field

ANNA = Actor("Anna")
BERT = Actor("Bert")


def result(
    subtype: Subtype = Subtype.PRE_B,
    probability: float = 0.94,
    review: tuple[ReviewReason, ...] = (),
) -> Result:
    """An answer for ``subtype``, of which all three backbones are equally sure."""
    rest = (1.0 - probability) / 3
    probabilities = {s: probability if s is subtype else rest for s in Subtype}
    return Result(
        label=subtype.label,
        subtype=subtype,
        probabilities=probabilities,
        backbone_probabilities=dict.fromkeys(BACKBONES, probabilities),
        votes=dict.fromkeys(BACKBONES, subtype),
        review=review,
        ood_score=0.25,
        heatmap=np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7),
        model_version="1",
    )


def picture(number: int = 0, side: int = 32, form: str = "PNG") -> bytes:
    """An encoded picture; another number is another picture."""
    image = Image.new("RGB", (side, side), (number % 256, number // 256 % 256, 150))
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def accepted(store: Store, case_id: int, data: bytes, name: str = "field.png") -> Field:
    """The field of a file that was uploaded to a case."""
    with store.files.receive(10**7) as incoming:
        incoming.write(data)
        incoming.finish()
        return fields.accept(store, ANNA, case_id, name, incoming)[0]


def with_cells(*subtypes: Subtype, looks: Sequence[float] = ()) -> Result:
    """An answer with a cell of each of these, in a row, each a little less sure.

    The features of a cell are so many times one number of ``looks``; of none, that of the cell.
    """
    cells = []
    for number, subtype in enumerate(subtypes):
        probability = 0.96 - number / 64
        rest = (1.0 - probability) / 3
        cells.append(
            Cell(
                x=0.1 + 0.15 * number,
                y=0.25,
                width=0.125,
                height=0.125,
                probabilities={s: probability if s is subtype else rest for s in Subtype},
                area_share=1.0 / len(subtypes),
                agreement=1.0,
            )
        )
    numbers = np.array(looks or range(len(subtypes)), np.float32)
    features = np.repeat(numbers[:, None], CELL_FEATURES.shape[1], axis=1)
    return dataclasses.replace(result(), cells=tuple(cells), features=features)
