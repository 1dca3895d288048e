"""Runs ``smear_cascade`` in Triton's Python backend: asks other models, the third seldom.

All images of a batch go through each step together, but every file is decoded by a request of its
own, so that a broken one fails alone.
"""

from __future__ import annotations

import asyncio
import json

import numpy as np
import smear_cascade
import triton_python_backend_utils as pb_utils

CELLS, FEATURES, SIZE = "CELLS", "FEATURES", "UM_PER_PIXEL"
"""The outputs that are made only where they are asked for."""

OF_CELLS = (CELLS, FEATURES)
"""The outputs of ``cells``: a row for each leukocyte."""

PARAMETERS = ("um_per_pixel",)
"""The request parameters that ``preprocess`` reads."""

ANSWER = (
    "LABEL",
    "SUBTYPE",
    "PROBABILITIES",
    "BACKBONE_PROBABILITIES",
    "VOTES",
    "REVIEW",
    "OOD_SCORE",
    "HEATMAP",
    "RELEASE",
)
FIELD = ["PIXELS", "QUALITY", "NUCLEI"]
"""What ``preprocess`` says of a field; NUCLEI is asked for where an output of OF_CELLS is."""


class TritonPythonModel:
    """The model ``all_cascade``, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the order of the backbones; without a valid one the model does not load.

        The parameter MEMBERS, as in ``{}_b``, says how the names of the models it asks are made of
        those in this file: so two releases can be in one server.
        """
        parameters = json.loads(args["model_config"]).get("parameters", {})
        order = parameters.get("ORDER", {}).get("string_value", "")
        self.first, self.second, self.third = smear_cascade.parse_order(order)
        self.members = parameters.get("MEMBERS", {}).get("string_value", "{}")

    async def execute(self, requests: list) -> list:
        """Return one response for each request; a refused image fails its own alone."""
        wanted = [one.requested_output_names() for one in requests]
        decoded = await asyncio.gather(*map(self._decode, requests))
        responses = [None] * len(requests)
        whole = []
        for index, (_, error) in enumerate(decoded):
            if error is None:
                whole.append(index)
            else:
                responses[index] = pb_utils.InferenceResponse(error=_of_its_kind(error))
        if not whole:
            return responses
        sizes = [len(decoded[index][0]["PIXELS"]) for index in whole]
        answers, error = await self._answers(
            *(_joined(decoded[index][0] for index in whole)),
            {
                name: np.repeat([name in wanted[index] for index in whole], sizes)
                for name in OF_CELLS
            },
        )
        end = 0
        for index, size in zip(whole, sizes, strict=True):
            end += size
            responses[index] = (
                pb_utils.InferenceResponse(error=error)
                if error is not None
                else _response(
                    answers, slice(end - size, end), wanted[index], decoded[index][0].get(SIZE)
                )
            )
        return responses

    async def _answers(self, pixels, quality, nuclei, gets):
        """Return the outputs by name for every image and None; or None and an error.

        gets: bool [n] by OF_CELLS, which images get each; nuclei: the masks of those that get any.
        """
        masked = gets[CELLS] | gets[FEATURES]
        pair = (self.first, self.second)
        outputs, error = await _all(self._look(name, pixels) for name in pair)
        if error is not None:
            return None, error
        outputs_of = dict(zip(pair, outputs, strict=True))
        open_ = smear_cascade.disagree(*(outputs_of[name]["LOGITS"] for name in pair))
        groups = [
            (rows, smear_cascade.taken(outputs_of, rows)) for rows in (~open_, open_) if rows.any()
        ]
        if open_.any():
            outputs, error = await self._look(self.third, pixels[open_])
            if error is not None:
                return None, error
            groups[-1][1][self.third] = outputs
        jobs = [(rows, self._vote(heard, quality[rows])) for rows, heard in groups]
        for rows, heard in groups:
            both = rows & gets[CELLS]
            if both.any():
                heard = smear_cascade.taken(heard, gets[CELLS][rows])
                jobs.append((both, self._cells(heard, pixels[both], nuclei[both[masked]])))
        if (rows := gets[FEATURES]).any():
            jobs.append((rows, self._features(pixels[rows], nuclei[rows[masked]])))
        outputs, error = await _all(job for _, job in jobs)
        if error is not None:
            return None, error
        parts = [(rows, one) for (rows, _), one in zip(jobs, outputs, strict=True)]
        return smear_cascade.merged(parts), None

    async def _decode(self, request):
        image = pb_utils.get_input_tensor_by_name(request, "IMAGE")
        wanted = request.requested_output_names()
        masked = any(name in wanted for name in OF_CELLS)
        outputs = [*(FIELD if masked else FIELD[:2]), *([SIZE] if SIZE in wanted else [])]
        try:
            parameters = json.loads(request.parameters() or "{}")
        except ValueError:  # bytes that are no UTF-8, which must not fail the rest of the batch
            message = "the parameters of the request cannot be read"
            return None, pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG)
        # As text: not every version of Triton takes a fraction here.
        told = {name: str(parameters[name]) for name in PARAMETERS if name in parameters}
        return await self._ask("preprocess", [image], outputs, told)

    def _look(self, backbone, pixels):
        return self._ask(backbone, [_tensor("PIXELS", pixels)], ["LOGITS", "CAM"])

    def _vote(self, outputs_of, quality):
        tensors = [_tensor("QUALITY", quality)]
        for name, outputs in outputs_of.items():
            tensors += [_tensor(f"{name.upper()}_{key}", values) for key, values in outputs.items()]
        return self._ask("vote", tensors, list(ANSWER))

    def _cells(self, outputs_of, pixels, nuclei):
        tensors = [_tensor("PIXELS", pixels), _tensor("NUCLEI", nuclei)]
        tensors += [
            _tensor(f"{name.upper()}_CAM", outputs["CAM"]) for name, outputs in outputs_of.items()
        ]
        return self._ask("cells", tensors, [CELLS])

    def _features(self, pixels, nuclei):
        return self._ask(
            "cells", [_tensor("PIXELS", pixels), _tensor("NUCLEI", nuclei)], [FEATURES]
        )

    async def _ask(self, model, inputs, outputs, parameters=None):
        """Return another model's outputs by name and None, or None and its error."""
        request = pb_utils.InferenceRequest(
            model_name=self.members.format(model),
            inputs=inputs,
            requested_output_names=outputs,
            parameters=parameters or {},
        )
        response = await request.async_exec()
        if response.has_error():
            return None, response.error()
        return {
            name: pb_utils.get_output_tensor_by_name(response, name).as_numpy() for name in outputs
        }, None


def _joined(fields):
    """Return PIXELS and QUALITY of all images, and NUCLEI of those that have it."""
    fields = list(fields)
    for name in FIELD:
        parts = [one[name] for one in fields if name in one]
        yield np.concatenate(parts) if parts else None


def _response(answers, rows, wanted, sizes):
    outputs = {name: answers[name][rows] for name in ANSWER}
    for name in OF_CELLS:
        if name in wanted:
            outputs[name] = smear_cascade.without_padding(answers[name][rows])
    if sizes is not None:
        outputs[SIZE] = sizes
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, np.ascontiguousarray(one)) for name, one in outputs.items()]
    )


def _of_its_kind(error):
    """Return an error of the image's kind.

    An image or a parameter that was refused is no fault of the server's, which is all that another
    model's error says here.
    """
    if error.message().startswith(("[", *PARAMETERS)):
        return pb_utils.TritonError(error.message(), pb_utils.TritonError.INVALID_ARG)
    return error


def _tensor(name, values):
    return pb_utils.Tensor(name, np.ascontiguousarray(values))


async def _all(questions):
    """Return the outputs of several models and None, or None and the first error."""
    answers = await asyncio.gather(*questions)
    error = next((error for _, error in answers if error is not None), None)
    return (None, error) if error is not None else ([outputs for outputs, _ in answers], None)
