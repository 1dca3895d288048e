"""Triton's Python backend around ``majority.decide``."""

from __future__ import annotations

from pathlib import Path

import majority
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        """Read ``policy.json`` beside this file; without a valid one the model does not load."""
        self.policy = majority.Policy.load(Path(__file__).with_name("policy.json"))

    def execute(self, requests: list) -> list:
        """One response a request; values that are no numbers fail their own request."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        def read(name):
            return pb_utils.get_input_tensor_by_name(request, name).as_numpy()

        prefixes = [name.upper() for name in majority.BACKBONES]
        logits = np.stack([read(f"{prefix}_LOGITS") for prefix in prefixes], axis=1)
        cams = zip(*(read(f"{prefix}_CAM") for prefix in prefixes), strict=True)
        try:
            decisions = [
                majority.decide(*one, self.policy)
                for one in zip(logits, cams, read("QUALITY"), strict=True)
            ]
        except majority.BackboneError as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(error), pb_utils.TritonError.INTERNAL)
            )
        return pb_utils.InferenceResponse(
            [
                _texts("LABEL", [[one.label] for one in decisions]),
                _texts("SUBTYPE", [[one.subtype] for one in decisions]),
                _numbers("PROBABILITIES", [one.probabilities for one in decisions]),
                _numbers(
                    "BACKBONE_PROBABILITIES", [one.backbone_probabilities for one in decisions]
                ),
                _texts("VOTES", [one.votes for one in decisions]),
                _texts("REVIEW", [[",".join(one.review)] for one in decisions]),
                _numbers("OOD_SCORE", [[one.ood_score] for one in decisions]),
                _numbers("HEATMAP", [one.heatmap for one in decisions]),
            ]
        )


def _texts(name, rows):
    return pb_utils.Tensor(name, np.array(rows, dtype=np.object_))


def _numbers(name, rows):
    return pb_utils.Tensor(name, np.array(rows, dtype=np.float32))
