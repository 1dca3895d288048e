"""Requests as they go over the wire, for tests that do what the client library never does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from allclient import Client
from allclient.contract import MODELS, Tensor

if TYPE_CHECKING:
    from types import TracebackType

SERVICE = "/inference.GRPCInferenceService/"


def stub(channel: grpc.Channel) -> Any:
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)


def new_channel(address: str) -> grpc.Channel:
    """A connection of its own: gRPC would share those of equal options."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(address, options=options)


def text(*items: bytes) -> bytes:
    """A BYTES tensor's content."""
    return b"".join(len(item).to_bytes(4, "little") + item for item in items)


def content(tensor: Tensor, image: bytes) -> bytes:
    if tensor.datatype == "BYTES":
        return text(image)
    rng = np.random.default_rng(5)
    if tensor.datatype == "UINT8":
        return rng.integers(0, 256, tensor.shape, np.uint8).tobytes()
    return rng.random(tensor.shape, np.float32).tobytes()


def infer_request(model: str, image: bytes) -> Any:
    """A sound request of one item to any model of the repository."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, tensor in MODELS[model].inputs.items():
        entry = request.inputs.add()
        entry.name, entry.datatype = name, tensor.datatype
        entry.shape.extend([1, *tensor.shape])
        request.raw_input_contents.append(content(tensor, image))
    return request


class Bystander:
    """A client that works through the server all the while, and is not to notice anything.

    with Bystander(address, image) as other: ...
    assert other.failures == []
    """

    def __init__(self, address: str, image: bytes) -> None:
        self.answered = 0
        self.failures: list[BaseException] = []
        self._address, self._image = address, image
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _work(self) -> None:
        with Client(self._address) as client:
            expected = None
            while not (self._done.is_set() and self.answered):
                try:
                    votes = client.classify(self._image).votes
                    expected = expected or votes
                    assert votes == expected
                except BaseException as failure:  # told to the test's own thread
                    self.failures.append(failure)
                    return
                self.answered += 1
