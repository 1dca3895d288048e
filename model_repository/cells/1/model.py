"""Runs ``smear_leukocytes.rows`` in Triton's Python backend."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import smear_leukocytes
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The model ``cells``, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read ``temperature.json`` beside this file; without it the model does not load."""
        cv2.setNumThreads(1)
        path = Path(__file__).with_name("temperature.json")
        self.temperature = json.loads(path.read_text(encoding="utf-8"))

    def execute(self, requests: list) -> list:
        """Return one response for each request; values that are no numbers fail it."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        cams = {
            name: tensors[f"{name.upper()}_CAM"]
            for name in smear_leukocytes.BACKBONES
            if f"{name.upper()}_CAM" in tensors
        }
        try:
            fields = [
                smear_leukocytes.rows(
                    pixels, nuclei, {name: cam[at] for name, cam in cams.items()}, self.temperature
                )
                for at, (pixels, nuclei) in enumerate(
                    zip(tensors["PIXELS"], tensors["NUCLEI"], strict=True)
                )
            ]
        except smear_leukocytes.CellsError as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(error), pb_utils.TritonError.INTERNAL)
            )
        rows = np.ascontiguousarray(smear_leukocytes.filled_up(fields))
        return pb_utils.InferenceResponse([pb_utils.Tensor("CELLS", rows)])
