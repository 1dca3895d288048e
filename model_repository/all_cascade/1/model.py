"""Triton's Python backend around ``smear_cascade``: asks the other models, the third seldom.

All images of a batch go through each step together, but every file is decoded by a request of its
own, so that a broken one fails alone.
"""

from __future__ import annotations

import asyncio
import json

import numpy as np
import smear_cascade
import triton_python_backend_utils as pb_utils

ANSWER = (
    "LABEL",
    "SUBTYPE",
    "PROBABILITIES",
    "BACKBONE_PROBABILITIES",
    "VOTES",
    "REVIEW",
    "OOD_SCORE",
    "HEATMAP",
)


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        """Read the order of the backbones; without a valid one the model does not load."""
        parameters = json.loads(args["model_config"]).get("parameters", {})
        order = parameters.get("ORDER", {}).get("string_value", "")
        self.first, self.second, self.third = smear_cascade.parse_order(order)

    async def execute(self, requests: list) -> list:
        """One response a request; a refused image fails its own request and no other."""
        files = [pb_utils.get_input_tensor_by_name(one, "IMAGE") for one in requests]
        decoded = await asyncio.gather(
            *(_ask("preprocess", [image], ["PIXELS", "QUALITY"]) for image in files)
        )
        responses = [None] * len(requests)
        whole = []
        for index, (_, error) in enumerate(decoded):
            if error is None:
                whole.append(index)
            else:
                responses[index] = pb_utils.InferenceResponse(error=_of_its_kind(error))
        if not whole:
            return responses
        pixels, quality = (
            np.concatenate([decoded[index][0][name] for index in whole])
            for name in ("PIXELS", "QUALITY")
        )
        answers, error = await self._answers(pixels, quality)
        start = 0
        for index in whole:
            end = start + len(decoded[index][0]["PIXELS"])
            responses[index] = (
                pb_utils.InferenceResponse(error=error)
                if error is not None
                else pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor(name, np.ascontiguousarray(answers[name][start:end]))
                        for name in ANSWER
                    ]
                )
            )
            start = end
        return responses

    async def _answers(self, pixels, quality):
        """The vote's outputs by name for every image, and None; or None and the first error."""
        said = {}
        pair = (self.first, self.second)
        for name, (outputs, error) in zip(
            pair, await asyncio.gather(*(_look(name, pixels) for name in pair)), strict=True
        ):
            if error is not None:
                return None, error
            said[name] = outputs
        open_ = smear_cascade.disagree(*(said[name]["LOGITS"] for name in pair))
        votes = []
        settled = np.flatnonzero(~open_)
        asked = np.flatnonzero(open_)
        if len(settled):
            votes.append((settled, _vote(said, settled, quality)))
        if len(asked):
            outputs, error = await _look(self.third, pixels[asked])
            if error is not None:
                return None, error
            whole = {
                name: {key: value[asked] for key, value in said[name].items()} for name in pair
            }
            whole[self.third] = outputs
            votes.append((asked, _vote(whole, slice(None), quality[asked])))
        answers = {}
        for (rows, _), (outputs, error) in zip(
            votes, await asyncio.gather(*(vote for _, vote in votes)), strict=True
        ):
            if error is not None:
                return None, error
            for name, values in outputs.items():
                whole = answers.setdefault(
                    name, np.empty((len(pixels), *values.shape[1:]), values.dtype)
                )
                whole[rows] = values
        return answers, None


def _of_its_kind(error):
    """An image that was refused is no fault of the server's, which is all that another model's
    error says here."""
    if error.message().startswith("["):
        return pb_utils.TritonError(error.message(), pb_utils.TritonError.INVALID_ARG)
    return error


def _look(backbone, pixels):
    return _ask(backbone, [pb_utils.Tensor("PIXELS", pixels)], ["LOGITS", "CAM"])


def _vote(said, rows, quality):
    inputs = [pb_utils.Tensor("QUALITY", np.ascontiguousarray(quality[rows]))]
    for name, outputs in said.items():
        for key, values in outputs.items():
            tensor = np.ascontiguousarray(values[rows])
            inputs.append(pb_utils.Tensor(f"{name.upper()}_{key}", tensor))
    return _ask("vote", inputs, list(ANSWER))


async def _ask(model, inputs, outputs):
    """What another model says: its outputs by name and None, or None and its error."""
    request = pb_utils.InferenceRequest(
        model_name=model, inputs=inputs, requested_output_names=outputs
    )
    response = await request.async_exec()
    if response.has_error():
        return None, response.error()
    return {
        name: pb_utils.get_output_tensor_by_name(response, name).as_numpy() for name in outputs
    }, None
