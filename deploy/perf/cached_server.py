"""A stand-in for Triton that computes nothing: it gives real answers that were taken down before.

It speaks the same gRPC and knows each image by its bytes. It measures what is around a server, and
says nothing about the speed of the models.

    python deploy/perf/cached_server.py FOLDER [ANSWERS_A_SECOND]

FOLDER has a file for each answer, named by the image's digest. With a number it waits before each
answer, as a server does that can give so many a second and no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"
_LENGTH = 4
"""Bytes before the image in a BYTES tensor."""
_MAX = 64 * 1024 * 1024


def key_of(image: bytes) -> str:
    """Return what an image is known by."""
    return hashlib.blake2b(image, digest_size=16).hexdigest()


def answers_in(folder: Path) -> dict[str, bytes]:
    """Return the answers in a folder by the image's key."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class _Answers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, answers: dict[str, bytes], pause: float) -> None:
        self._answers = answers
        self._pause = pause
        self._turn = asyncio.Lock()

    def service(self, details: Any) -> Any:
        if details.method != INFER:
            return None
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, request: bytes, context: Any) -> bytes:
        asked = service_pb2.ModelInferRequest.FromString(request)
        answer = self._answers.get(key_of(asked.raw_input_contents[0][_LENGTH:]))
        if answer is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "this image was never answered")
            raise AssertionError("abort raises")
        if self._pause:
            async with self._turn:
                await asyncio.sleep(self._pause)
        # A message is its fields one after the other, so the id is put behind: nothing is parsed.
        named: bytes = service_pb2.ModelInferResponse(id=asked.id).SerializeToString()
        return answer + named


async def _serve(answers: dict[str, bytes], pause: float) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", _MAX)])
    server.add_generic_rpc_handlers([_Answers(answers, pause)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    asyncio.run(_serve(answers_in(Path(sys.argv[1])), 1 / limit if limit else 0.0))
