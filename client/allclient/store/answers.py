"""Turns ``Result`` into rows of the store, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert
from sqlalchemy.orm import Session

from allclient.cell import Cell
from allclient.contract import BACKBONES, SUBTYPES, Backbone, Label, ReviewReason, Subtype
from allclient.result import Result
from allclient.store.schema import Answer, Field
from allclient.store.schema import Cell as CellRow

_HALF = np.dtype("<f2")
"""Half precision, for features; it rounds them to three digits."""


def add(session: Session, answered: Sequence[tuple[Field, Result]]) -> None:
    """Keep the results of fields, with their cells if they were asked for."""
    if answered:
        session.execute(insert(Answer), [columns(field, result) for field, result in answered])
    if cells := [cell for field, result in answered for cell in cell_columns(field, result)]:
        session.execute(insert(CellRow), cells)


def columns(field: Field, result: Result) -> dict[str, Any]:
    """Return the columns of the row that keeps the answer of a field."""
    return {
        "field_id": field.id,
        "model_version": result.model_version,
        "label": result.label.value,
        "subtype": result.subtype.value,
        "probability": float(result.probability),
        "probabilities": _plain(result.probabilities),
        "backbone_probabilities": {
            backbone.value: _plain(result.backbone_probabilities[backbone])
            for backbone in BACKBONES
            if backbone in result.backbone_probabilities
        },
        "votes": {b.value: result.votes[b].value for b in BACKBONES if b in result.votes},
        "review": [reason.value for reason in result.review],
        "ood_score": float(result.ood_score),
        "heatmap": [[round(float(value), 4) for value in row] for row in result.heatmap],
        "leukocytes": result.leukocytes,
        "malignant_leukocytes": result.malignant_leukocytes,
        "um_per_pixel": result.um_per_pixel,
    }


def cell_columns(field: Field, result: Result) -> list[dict[str, Any]]:
    """Return the columns of the rows that keep the cells of a field."""
    features = result.features
    return [
        {
            "case_id": field.case_id,
            "field_id": field.id,
            "number": number,
            "x": float(cell.x),
            "y": float(cell.y),
            "width": float(cell.width),
            "height": float(cell.height),
            "probabilities": _plain(cell.probabilities),
            "area_share": float(cell.area_share),
            "agreement": float(cell.agreement),
            "subtype": cell.subtype.value,
            "probability": float(cell.probability),
            "shown_as": cell.subtype.value,
            "features": None if features is None else features[number].astype(_HALF).tobytes(),
        }
        for number, cell in enumerate(result.cells or ())
    ]


def features_of(stored: bytes) -> npt.NDArray[np.float32]:
    """Return the features of a cell, float32 [64]."""
    return np.frombuffer(stored, _HALF).astype(np.float32)


def facts(result: Result) -> dict[str, Any]:
    """Return what the audit log says of an answer."""
    return {
        "label": result.label.value,
        "subtype": result.subtype.value,
        "review": [reason.value for reason in result.review],
        "model_version": result.model_version,
    }


def cell_of(row: CellRow) -> Cell:
    """Return the cell that a row keeps, as the backbones have it."""
    return Cell(
        x=row.x,
        y=row.y,
        width=row.width,
        height=row.height,
        probabilities=_probabilities(row.probabilities),
        area_share=row.area_share,
        agreement=row.agreement,
    )


def result_of(answer: Answer) -> Result:
    """Return the result that a row keeps, without its cells; the heat map has four digits."""
    return Result(
        label=Label(answer.label),
        subtype=Subtype(answer.subtype),
        probabilities=_probabilities(answer.probabilities),
        backbone_probabilities={
            Backbone(name): _probabilities(values)
            for name, values in answer.backbone_probabilities.items()
        },
        votes={Backbone(name): Subtype(subtype) for name, subtype in answer.votes.items()},
        review=tuple(ReviewReason(reason) for reason in answer.review),
        ood_score=answer.ood_score,
        heatmap=np.array(answer.heatmap, dtype=np.float32),
        model_version=answer.model_version,
        um_per_pixel=answer.um_per_pixel,
    )


def _plain(probabilities: dict[Subtype, float]) -> dict[str, float]:
    return {subtype.value: float(probabilities[subtype]) for subtype in SUBTYPES}


def _probabilities(values: dict[str, float]) -> dict[Subtype, float]:
    return {subtype: values[subtype.value] for subtype in SUBTYPES}
