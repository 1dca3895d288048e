"""A KServe v2 gRPC server in the test's own process: real gRPC on 127.0.0.1, real protocol.

It stands where Triton stands, so that tests decide when it is slow, gone, or wrong.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from allclient.contract import CASCADE, CELL_FEATURES, CELL_FIELDS, ENSEMBLE, MODELS

SERVED = (ENSEMBLE, CASCADE)
PRE_B = (0.05, 0.1, 0.8, 0.05)
BENIGN = (0.94, 0.02, 0.02, 0.02)

TWO_CELLS = (
    (0.1, 0.2, 0.25, 0.5, *PRE_B, 0.75, 1.0),
    (0.5, 0.5, 0.125, 0.25, *BENIGN, 0.25, 2 / 3),
)
"""Rows of CELLS: one malignant leukocyte and one benign."""


@dataclass(frozen=True)
class Answer:
    """What all_ensemble answers; every field may be made wrong."""

    label: str = "malignant"
    subtype: str = "pre_b"
    probabilities: tuple[float, ...] = PRE_B
    backbone_probabilities: tuple[tuple[float, ...], ...] = (PRE_B, PRE_B, PRE_B)
    votes: tuple[str, ...] = ("pre_b", "pre_b", "pre_b")
    review: str = ""
    ood_score: float = 0.25
    heatmap: float = 0.5
    cells: tuple[tuple[float, ...], ...] = ()
    features: tuple[tuple[float, ...], ...] | None = None
    """None: a row of its own number for each cell."""
    um_per_pixel: float = 0.0
    release: str = ""

    def tensors(self) -> dict[str, np.ndarray]:
        return {
            "LABEL": words(self.label),
            "SUBTYPE": words(self.subtype),
            "PROBABILITIES": numbers([self.probabilities]),
            "BACKBONE_PROBABILITIES": numbers([self.backbone_probabilities]),
            "VOTES": words(*self.votes),
            "REVIEW": words(self.review),
            "OOD_SCORE": numbers([[self.ood_score]]),
            "HEATMAP": np.full((1, 7, 7), self.heatmap, np.float32),
            "CELLS": numbers(self.cells).reshape(1, -1, len(CELL_FIELDS)),
            "FEATURES": self._features(),
            "UM_PER_PIXEL": numbers([[self.um_per_pixel]]),
            "RELEASE": words(self.release),
        }

    def _features(self) -> np.ndarray:
        width = CELL_FEATURES.shape[1]
        rows = self.features
        if rows is None:
            rows = tuple((float(number),) * width for number in range(len(self.cells)))
        return numbers(rows).reshape(1, -1, width)


MALIGNANT_ANSWER = Answer()
BENIGN_ANSWER = replace(
    MALIGNANT_ANSWER,
    label="benign",
    subtype="benign",
    probabilities=BENIGN,
    backbone_probabilities=(BENIGN, BENIGN, BENIGN),
    votes=("benign", "benign", "benign"),
)


class Refused(Exception):  # noqa: N818  it is an answer
    """Ends a request with a gRPC status."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def rejected(code: str, message: str) -> Refused:
    """As Triton's ensemble scheduler passes on the error of a step."""
    return Refused(
        grpc.StatusCode.INVALID_ARGUMENT, f"in ensemble 'all_ensemble', [{code}] {message}"
    )


def words(*texts: str) -> np.ndarray:
    return np.array([[text.encode() for text in texts]], dtype=np.object_)


def numbers(values: Any) -> np.ndarray:
    return np.array(values, np.float32)


Respond = Callable[[bytes], Answer | dict[str, np.ndarray]]


def by_content(image: bytes) -> Answer:
    """Files of the tests say in their first word what they show."""
    word = image.split(b" ", 1)[0]
    if word == b"benign":
        return BENIGN_ANSWER
    if word == b"cells":
        return replace(MALIGNANT_ANSWER, cells=TWO_CELLS)
    if word == b"review":
        return replace(MALIGNANT_ANSWER, review="low_confidence,first_page_only")
    if word == b"torn":
        raise rejected("image_truncated", "the JPEG ends before its last row")
    if word == b"gone":
        raise Refused(grpc.StatusCode.UNAVAILABLE, "Server is stopping")
    if word == b"deadly":
        raise Refused(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    if word == b"fails":
        raise Refused(grpc.StatusCode.INTERNAL, "a step failed")
    return MALIGNANT_ANSWER


class KServe(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Counts what it is asked and answers with ``respond``."""

    def __init__(self, respond: Respond = by_content, *, workers: int = 64) -> None:
        self.respond = respond
        self.live = self.ready = self.model_ready = True
        self.outputs = dict(MODELS[ENSEMBLE].outputs)
        self.parameters: list[dict[str, str]] = []
        self.asked = 0
        self.now_in_flight = 0
        self.most_in_flight = 0
        self.request_ids: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = threading.Semaphore(0)
        self.answer_as: str | None = None
        self.serves = ""
        self.jumps = 0
        """Calls to come whose deadline is over at once, as when the clock is set forward."""
        self._lock = threading.Lock()
        self._workers = workers
        self._server: grpc.Server | None = None
        self.address = ""

    def start(
        self, address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None
    ) -> KServe:
        self._server = grpc.server(
            ThreadPoolExecutor(self._workers),
            options=[
                ("grpc.so_reuseport", 0),  # a stopped server's port stays its own
                ("grpc.max_receive_message_length", -1),
            ],
        )
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        self._server.start()
        self.address = f"127.0.0.1:{port}"
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def __enter__(self) -> KServe:
        return self if self._server is not None else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # The service

    def ServerLive(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._note(context)
        return service_pb2.ServerLiveResponse(live=self.live)

    def ServerReady(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ServerReadyResponse(ready=self.ready)

    def ModelReady(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=self.model_ready and request.name in SERVED)

    def ServerMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ServerMetadataResponse(
            name="triton", version="2.51.0", extensions=["classification"]
        )

    def ModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if request.name not in SERVED:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Request for unknown model: '{request.name}' is not found",
            )
        response = service_pb2.ModelMetadataResponse(name=request.name, versions=["1"])
        for tensors, role in (
            (MODELS[ENSEMBLE].inputs, response.inputs),
            (self.outputs, response.outputs),
        ):
            for name, (datatype, shape) in tensors.items():
                role.add(name=name, datatype=datatype, shape=(-1, *shape))
        return response

    def ModelConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._note(context)
        response = service_pb2.ModelConfigResponse()
        response.config.parameters["release"].string_value = self.serves
        return response

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._note(context)
        with self._lock:
            self.asked += 1
            self.now_in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.now_in_flight)
            self.request_ids.append(request.id)
            self.parameters.append({k: v.string_param for k, v in request.parameters.items()})
        context.add_callback(lambda: None if context.code() else self.cancelled.release())
        try:
            answer = self.respond(_image(request))
        except Refused as refused:
            context.abort(refused.status, refused.message)
        finally:
            with self._lock:
                self.now_in_flight -= 1
        tensors = answer.tensors() if isinstance(answer, Answer) else answer
        if given := request.parameters["um_per_pixel"].string_param:  # as preprocess does
            tensors = {**tensors, "UM_PER_PIXEL": numbers([[float(given)]])}
        if wanted := {output.name for output in request.outputs}:
            if unknown := wanted - set(self.outputs):  # as Triton says it
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"[request id: {request.id}] unexpected inference output "
                    f"'{min(unknown)}' for model '{request.model_name}'",
                )
            tensors = {name: array for name, array in tensors.items() if name in wanted}
        return _response(request, tensors, self.answer_as or request.id)

    def _note(self, context: grpc.ServicerContext) -> None:
        if self.jumps:
            self.jumps -= 1
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.headers.append({name: str(value) for name, value in context.invocation_metadata()})


def _image(request: Any) -> bytes:
    assert request.model_name in SERVED
    (tensor,) = request.inputs
    assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("IMAGE", "BYTES", [1, 1])
    (raw,) = request.raw_input_contents
    (length,) = struct.unpack_from("<I", raw)
    assert len(raw) == 4 + length
    return raw[4:]


def _response(request: Any, tensors: dict[str, np.ndarray], request_id: str) -> Any:
    response = service_pb2.ModelInferResponse(
        model_name=request.model_name, model_version="1", id=request_id
    )
    for name, array in tensors.items():
        if array.dtype == np.object_:
            datatype = "BYTES"
            raw = b"".join(struct.pack("<I", len(item)) + item for item in array.reshape(-1))
        else:
            datatype = {"f": "FP32", "i": "INT64"}[array.dtype.kind]
            raw = array.tobytes()
        response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        response.raw_output_contents.append(raw)
    return response
