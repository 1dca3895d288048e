"""Makes calls for load: requests made once, answers left unread but for their status.

A request of ``blocking.Transport`` costs about as much in Python as a small model on a fast server;
a load generator that spends that would measure itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from allclient.contract import ANSWER, MODELS
from allclient.errors import ConfigurationError
from allclient.transport.codec import encode
from allclient.transport.options import Connection
from allclient.transport.status import translate

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


class RawCalls:
    """A gRPC channel to each server, for a fixed set of images. Safe to share between threads."""

    def __init__(
        self, connection: Connection, images: Sequence[bytes], *, cells: bool = False
    ) -> None:
        if not images:
            raise ConfigurationError("a load needs at least one image")
        self._connection = connection
        self._requests = [_request(connection.model, image, cells) for image in images]
        self._metadata = tuple(connection.metadata().items())
        self._channels = [_channel(one) for one in connection.each()]
        self._infer = [channel.unary_unary(_METHOD) for channel in self._channels]

    def send(self, number: int) -> bytes:
        """Send image ``number`` and wait; return the answer as it came.

        Images and servers are taken in turn. Nothing is tried again.

        Raises:
            AllclientError: the answer is an error.
        """
        request = self._requests[number % len(self._requests)]
        try:
            answer: bytes = self._infer[number % len(self._infer)](
                request, timeout=self._connection.timeout, metadata=self._metadata
            )
        except grpc.RpcError as error:
            foreign = InferenceServerException(
                msg=error.details(), status=str(error.code()), debug_details=None
            )
            raise translate(foreign, self._connection.address, self._connection.model) from error
        return answer

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            channel.close()


def _request(model: str, image: bytes, cells: bool) -> bytes:
    (tensor,) = encode(image)
    names = [name for name in MODELS[model].outputs if name in ANSWER] if model in MODELS else []
    if cells:
        names.append("CELLS")
    request = service_pb2.ModelInferRequest(
        model_name=model,
        id=uuid.uuid4().hex,
        inputs=[tensor._get_tensor()],
        raw_input_contents=[tensor._get_content()],
        outputs=[service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=n) for n in names],
    )
    serialised: bytes = request.SerializeToString()
    return serialised


def _channel(connection: Connection) -> Any:
    options = connection.client_arguments()["channel_args"]
    if connection.tls is None:
        return grpc.insecure_channel(connection.address, options=options)
    files = (connection.tls.ca, connection.tls.key, connection.tls.cert)
    credentials = grpc.ssl_channel_credentials(
        *(None if file is None else Path(file).read_bytes() for file in files)
    )
    return grpc.secure_channel(connection.address, credentials, options=options)
