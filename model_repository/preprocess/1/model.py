"""Runs ``pixels.decode`` in Triton's Python backend. Nothing here logs what an image holds."""

from __future__ import annotations

import faulthandler
import json

import cv2
import numpy as np
import pixels
import smear_scale
import triton_python_backend_utils as pb_utils

LIMIT = 120.0
"""Seconds for one file, far more than any takes. A process that needs longer ends itself, also in
the middle of a decoder, and says where in Triton's log; who watches the server starts it anew."""


class TritonPythonModel:
    """The model ``preprocess``, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """One process decodes one file at a time, on one core."""
        cv2.setNumThreads(1)

    def execute(self, requests: list) -> list:
        """Return one response for each request; a refused image fails its own alone."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        try:
            parameters = json.loads(request.parameters() or "{}")
        except ValueError:  # bytes that are no UTF-8
            return _refusal("the parameters of the request cannot be read")
        try:
            size = smear_scale.of_request(parameters)
        except ValueError as error:
            return _refusal(str(error))
        files = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy().ravel()
        decoded = []
        for index, data in enumerate(files):
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            try:
                decoded.append(pixels.decode(bytes(data)))
            except pixels.ImageError as error:
                where = f"IMAGE[{index}]: " if len(files) > 1 else ""
                return _refusal(f"[{error.code}] {where}{error}")
            finally:
                faulthandler.cancel_dump_traceback_later()
        sizes = [one.um_per_pixel if size is None else size for one in decoded]
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("PIXELS", np.stack([one.pixels for one in decoded])),
                pb_utils.Tensor("QUALITY", np.stack([one.quality for one in decoded])),
                pb_utils.Tensor("NUCLEI", np.stack([np.packbits(one.nuclei) for one in decoded])),
                pb_utils.Tensor("UM_PER_PIXEL", np.array(sizes, np.float32).reshape(-1, 1)),
            ]
        )


def _refusal(message):
    return pb_utils.InferenceResponse(
        error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG)
    )
