"""Runs ``smear_leukocytes`` and ``smear_features`` in Triton's Python backend."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import smear_features
import smear_leukocytes
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The model ``cells``, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read ``temperature.json`` beside this file; without it the model does not load."""
        cv2.setNumThreads(1)
        path = Path(__file__).with_name("temperature.json")
        self.temperature = json.loads(path.read_text(encoding="utf-8"))
        self.features = smear_features.Features(path.with_name(smear_features.FILE))

    def execute(self, requests: list) -> list:
        """Return one response for each request; values that are no numbers fail it."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        rows_of = {"CELLS": self._cells, "FEATURES": self._features}
        try:
            outputs = [
                _tensor(name, rows_of[name](tensors)) for name in request.requested_output_names()
            ]
        except ValueError as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(error), pb_utils.TritonError.INTERNAL)
            )
        return pb_utils.InferenceResponse(outputs)

    def _cells(self, tensors):
        cams = {
            name: tensors[f"{name.upper()}_CAM"]
            for name in smear_leukocytes.BACKBONES
            if f"{name.upper()}_CAM" in tensors
        }
        return [
            smear_leukocytes.rows(
                pixels, nuclei, {name: cam[at] for name, cam in cams.items()}, self.temperature
            )
            for at, (pixels, nuclei) in enumerate(_fields(tensors))
        ]

    def _features(self, tensors):
        return [self.features.rows(pixels, nuclei) for pixels, nuclei in _fields(tensors)]


def _fields(tensors):
    return zip(tensors["PIXELS"], tensors["NUCLEI"], strict=True)


def _tensor(name, fields):
    return pb_utils.Tensor(name, np.ascontiguousarray(smear_leukocytes.filled_up(fields)))
