"""Writes what was read of one object as JSON in the queue: one entry a frame."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from allclient.cell import Cell
from allclient.contract import Backbone, Label, ReviewReason, Subtype
from allclient.dicom.regions import Region
from allclient.result import Result


@dataclass(frozen=True, slots=True)
class Reading:
    """The reading of one frame (from 0): either a result, or why there is none.

    Of a slide it is the reading of a ``region``, in pixels of the level's whole picture.
    """

    frame: int
    result: Result | None
    reason: str = ""
    region: Region | None = None


def dumps(readings: list[Reading]) -> str:
    """Return the readings as JSON."""
    return json.dumps([_as_json(reading) for reading in readings])


def loads(text: str) -> list[Reading]:
    """Return the readings in JSON that ``dumps`` wrote."""
    return [_of_json(value) for value in json.loads(text)]


def _as_json(reading: Reading) -> dict[str, Any]:
    result = reading.result
    if result is None:
        return {"frame": reading.frame, "reason": reading.reason}
    return {
        "frame": reading.frame,
        "region": reading.region,
        "label": result.label,
        "subtype": result.subtype,
        "probabilities": result.probabilities,
        "backbone_probabilities": result.backbone_probabilities,
        "votes": result.votes,
        "review": result.review,
        "ood_score": result.ood_score,
        "heatmap": result.heatmap.tolist(),
        "model_version": result.model_version,
        "cells": [_cell_as_json(cell) for cell in result.cells or ()],
        "um_per_pixel": result.um_per_pixel,
        "release": result.release,
    }


def _cell_as_json(cell: Cell) -> dict[str, Any]:
    return {
        "box": [cell.x, cell.y, cell.width, cell.height],
        "probabilities": cell.probabilities,
        "area_share": cell.area_share,
        "agreement": cell.agreement,
    }


def _cell_of_json(value: dict[str, Any]) -> Cell:
    x, y, width, height = value["box"]
    return Cell(
        x=x,
        y=y,
        width=width,
        height=height,
        probabilities=_by_subtype(value["probabilities"]),
        area_share=value["area_share"],
        agreement=value["agreement"],
    )


def _of_json(value: dict[str, Any]) -> Reading:
    if "reason" in value:
        return Reading(value["frame"], None, value["reason"])
    result = Result(
        label=Label(value["label"]),
        subtype=Subtype(value["subtype"]),
        probabilities=_by_subtype(value["probabilities"]),
        backbone_probabilities={
            Backbone(name): _by_subtype(row)
            for name, row in value["backbone_probabilities"].items()
        },
        votes={Backbone(name): Subtype(vote) for name, vote in value["votes"].items()},
        review=tuple(ReviewReason(reason) for reason in value["review"]),
        ood_score=value["ood_score"],
        heatmap=np.array(value["heatmap"], np.float32),
        model_version=value["model_version"],
        cells=tuple(_cell_of_json(cell) for cell in value["cells"]),
        um_per_pixel=value.get("um_per_pixel"),  # older entries have none
        release=value.get("release", ""),
    )
    region = value.get("region")  # a queue of an earlier version has none
    return Reading(value["frame"], result, region=None if region is None else Region(*region))


def _by_subtype(row: dict[str, float]) -> dict[Subtype, float]:
    return {Subtype(name): probability for name, probability in row.items()}
