"""Runs ``majority.decide`` in Triton's Python backend."""

from __future__ import annotations

import json
from pathlib import Path

import majority
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The model ``vote``, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read ``policy.json`` beside this file; without a valid one the model does not load."""
        self.policy = majority.Policy.load(Path(__file__).with_name("policy.json"))
        parameters = json.loads(args["model_config"]).get("parameters", {})
        self.release = parameters.get("release", {}).get("string_value", "")

    def execute(self, requests: list) -> list:
        """Return one response for each request; values that are no numbers fail it."""
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        # One that was not asked has neither; what is half there is missed by name.
        ran = [
            name
            for name in majority.BACKBONES
            if f"{name.upper()}_LOGITS" in tensors or f"{name.upper()}_CAM" in tensors
        ]
        try:
            logits = [tensors[f"{name.upper()}_LOGITS"] for name in ran]
            cams = [tensors[f"{name.upper()}_CAM"] for name in ran]
            if len(ran) < 2:
                raise majority.BackboneError("the vote needs the answers of two backbones or three")
            quality = tensors["QUALITY"]
            policies = [self.policy] * len(quality)
            decisions = majority.decide_each(logits, quality, policies, cams, ran)
        except KeyError as missing:
            return _failed(f"the vote got no input {missing.args[0]}")
        except majority.BackboneError as error:
            return _failed(str(error))
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
                _texts("RELEASE", [[self.release]] * len(decisions)),
            ]
        )


def _failed(why):
    error = pb_utils.TritonError(why, pb_utils.TritonError.INTERNAL)
    return pb_utils.InferenceResponse(error=error)


def _texts(name, rows):
    return pb_utils.Tensor(name, np.array(rows, dtype=np.object_))


def _numbers(name, rows):
    return pb_utils.Tensor(name, np.array(rows, dtype=np.float32))
