"""Holds what the Python-based backends share: a model beside its config.pbtxt, and requests.

Runs inside Triton's Python stub; ``allclient.local.layout`` lays it beside the ``model.py`` of each
backend. Numpy and the standard library are all it may import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import triton_python_backend_utils as pb_utils


class ModelError(ValueError):
    """The model file and its config.pbtxt do not go together; Triton's log shows the text."""


class Port(NamedTuple):
    """One input or output of a model."""

    names: frozenset[str]
    datatype: str
    """The datatype as the runtime writes it."""
    shape: str
    """The shape as the runtime writes it."""
    fits: Callable[[list[int]], bool]
    """Whether the dimensions of config.pbtxt, -1 where open, are among those that it takes."""
    batch: int | None
    """The first dimension, where the file fixes it."""


def file_of(args: dict[str, str], config: dict[str, Any], otherwise: str) -> Path:
    """Return where the model file should be, by the arguments of Triton's ``initialize``."""
    folder = Path(args["model_repository"]) / args["model_version"]
    return folder / (config.get("default_model_filename") or otherwise)


def names(tensors: list[dict[str, Any]]) -> list[str]:
    """Return the names of the inputs or outputs of config.pbtxt, in its order."""
    return [tensor["name"] for tensor in tensors]


def check(
    path: Path,
    config: dict[str, Any],
    role: str,
    ports: list[Port],
    datatypes: dict[str, str],
) -> None:
    """Compare the model's inputs or outputs with those of config.pbtxt.

    role: "input" or "output".
    datatypes: Triton's names to the runtime's.

    Raises ModelError where they are not the same.
    """
    expected, batched = config[role], config["max_batch_size"] > 0
    by_name = {name: port for port in ports for name in port.names}
    known = ", ".join(sorted(by_name)) or "none with a name"
    if missing := [name for name in names(expected) if name not in by_name]:
        raise ModelError(
            f"{path} has no {role} {', '.join(missing)} as config.pbtxt says; it has {known}"
        )
    if role == "input" and len(expected) != len(ports):
        raise ModelError(
            f"{path} has {len(ports)} inputs ({known}), config.pbtxt has {len(expected)}"
        )
    for tensor in expected:
        port = by_name[tensor["name"]]
        what = f"{path}: {role} {tensor['name']}"
        if datatypes.get(tensor["data_type"]) != port.datatype:
            raise ModelError(f"{what} is {port.datatype}, config.pbtxt says {tensor['data_type']}")
        dims = [*([-1] if batched else []), *map(int, tensor["dims"])]
        if not port.fits(dims):
            raise ModelError(
                f"{what} has the shape {port.shape}, config.pbtxt says {dims}"
                f"{' (with the batch first)' if batched else ''}"
            )
        if batched and port.batch is not None:
            raise ModelError(
                f"{what} has a fixed batch of {port.batch}, and max_batch_size in config.pbtxt "
                "needs a model with a batch of any size"
            )


def answer(
    requests: list[Any],
    inputs: list[str],
    outputs: list[str],
    infer: Callable[[list[Any]], list[Any]],
    runtime: str,
) -> list[Any]:
    """Run one inference for all requests together; return one response for each.

    infer: arrays in the order of ``inputs`` to arrays in that of ``outputs``. What it gives may be
        the runtime's own memory: Triton copies it before the next inference.
    runtime: who could not run the model, where ``infer`` raises; every request is then told.
    """
    arrays = [
        [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in inputs]
        for request in requests
    ]
    columns = zip(*arrays, strict=True)
    try:
        results = infer(
            [column[0] if len(column) == 1 else np.concatenate(column) for column in columns]
        )
    except Exception as error:  # Triton wants one response a request, whatever happened
        failure = pb_utils.TritonError(f"{runtime} could not run the model: {error}")
        return [pb_utils.InferenceResponse(error=failure) for _ in requests]
    responses, start = [], 0
    for (first, *_), request in zip(arrays, requests, strict=True):
        end = start + len(first)
        wanted = set(request.requested_output_names())
        tensors = [
            pb_utils.Tensor(name, data[start:end])
            for name, data in zip(outputs, results, strict=True)
            if name in wanted
        ]
        responses.append(pb_utils.InferenceResponse(tensors))
        start = end
    return responses
