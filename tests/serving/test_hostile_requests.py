"""Nothing that a client sends over gRPC stops the server: each request gets its own answer.

Deaths that this list has found are mended in ``allclient.local.mend``; HTTP has a list of its own.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as protocol

from allclient.contract import CASCADE, CLASSES, ENSEMBLE, MODELS
from samples import render
from tests.serving.raw_requests import (
    SERVICE,
    Bystander,
    infer_request,
    new_channel,
    stub,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from allclient.local import LocalServer

COUNT = int(os.environ.get("ALLCLIENT_HOSTILE", "1500"))
"""Requests made up at random, of each kind."""

PATIENCE = 60
BAD = grpc.StatusCode.INVALID_ARGUMENT
ASKED_WITH_AN_IMAGE = (ENSEMBLE, CASCADE, CLASSES, "preprocess")


@pytest.fixture(scope="module")
def image() -> bytes:
    return render.encoded(count=1, seed=43)[0]


@pytest.fixture(scope="module")
def ask(server: LocalServer) -> Iterator[Any]:
    with new_channel(server.grpc_address) as channel:
        yield stub(channel)


@pytest.fixture(autouse=True)
def _nobody_else_notices(server: LocalServer, image: bytes) -> Iterator[None]:
    pid = server.pid
    with Bystander(server.grpc_address, image) as other:
        yield
    assert other.failures == []
    assert server.exit_status() is None
    assert server.pid == pid


def code_of(call: Any, request: Any) -> grpc.StatusCode:
    try:
        call(request, timeout=PATIENCE)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def refusal(ask: Any, request: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refused:
        ask.ModelInfer(request, timeout=PATIENCE)
    return refused.value


CONTENTS = {
    "nothing": b"",
    "half a length": b"\1\0",
    "a length beyond the end": b"\x64\0\0\0x",
    "the largest length": b"\xff\xff\xff\xff" + b"x" * 10,
    "a negative length": b"\0\0\0\x80x",
    "two for one": text(b"one", b"two"),
    "bytes behind the last": text(b"one") + b"zz",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_contents_that_are_no_bytes_tensor(ask: Any, image: bytes, content: str) -> None:
    for model in ASKED_WITH_AN_IMAGE:
        request = infer_request(model, image)
        request.raw_input_contents[0] = CONTENTS[content]
        assert refusal(ask, request).code() is BAD


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE, CLASSES, "preprocess"])
def test_a_text_longer_than_its_tensor_fails_alone(ask: Any, image: bytes, model: str) -> None:
    """Triton makes batches of requests, and one that lies is no reason to refuse the others."""
    sound, liar = infer_request(model, image), infer_request(model, image)
    liar.raw_input_contents[0] = b"\xff\xff\xff\x7f" + image
    for _ in range(10):
        calls = [ask.ModelInfer.future(one) for one in [sound, liar, liar, liar] * 4]
        for place, call in enumerate(calls):
            if place % 4 == 0:
                assert call.result(PATIENCE).outputs
            else:
                assert "[image_empty]" in call.exception(PATIENCE).details()


@pytest.mark.parametrize("first", [0, -1, 2**31, 2**32, 2**32 + 1, -(2**63)])
def test_a_batch_size_that_is_none_is_refused_alone(ask: Any, image: bytes, first: int) -> None:
    """Triton keeps 32 bits of it; of none in those, its backend refuses the others of the batch."""
    for model in MODELS:
        sound, liar = infer_request(model, image), infer_request(model, image)
        for entry in liar.inputs:
            entry.shape[0] = first
        calls = [ask.ModelInfer.future(one) for one in [sound, liar, liar, liar] * 3]
        for place, call in enumerate(calls):
            if place % 4 == 0:
                assert call.result(PATIENCE).outputs
            else:
                refused = call.exception(PATIENCE)
                assert refused.code() is BAD
                assert "batch-size must be <=" in refused.details()


SHAPES: list[list[int]] = [
    *([], [1], [1, 0], [0, 0], [1, 1, 1], [1] * 1000, [65, 1], [4, 1], [-1, 1], [1, -1]),
    *([2**31, 1], [2**32, 1], [2**62, 4], [2**63 - 1, 1], [-(2**63), 1], [0, 1]),
]


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape[:4]))
def test_shapes_that_the_content_has_not(
    ask: Any, image: bytes, shape: list[int], content: bool
) -> None:
    for model in MODELS:
        request = infer_request(model, image)
        for place, entry in enumerate(request.inputs):
            entry.shape[:] = shape
            if not content:
                request.raw_input_contents[place] = b""
        # Triton takes some that fit when they are cut to 32 bits.
        expected = (grpc.StatusCode.OK, BAD, grpc.StatusCode.INTERNAL)
        assert code_of(ask.ModelInfer, request) in expected


def wrong_datatype(request: Any) -> None:
    request.inputs[0].datatype = "FP64"


def no_datatype(request: Any) -> None:
    request.inputs[0].datatype = "NONSENSE"


def unknown_input(request: Any) -> None:
    request.inputs[0].name = "NOPE"


def no_input(request: Any) -> None:
    request.inputs.pop()
    request.raw_input_contents.pop()


def input_twice(request: Any) -> None:
    request.inputs.add().CopyFrom(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def no_content(request: Any) -> None:
    del request.raw_input_contents[:]


def content_of_two_kinds(request: Any) -> None:
    request.inputs[0].contents.bytes_contents.append(b"x")


def content_of_another_datatype(request: Any) -> None:
    no_content(request)
    for entry in request.inputs:
        entry.contents.fp64_contents.append(1)


def too_many_elements(request: Any) -> None:
    no_content(request)
    for entry in request.inputs:
        entry.contents.bytes_contents.extend([b"x"] * 70)


def unknown_output(request: Any) -> None:
    request.outputs.add().name = "NOPE"


def classes_below_none(request: Any) -> None:
    output(request).parameters["classification"].int64_param = -1


def classes_in_words(request: Any) -> None:
    output(request).parameters["classification"].string_param = "two"


def memory_that_nobody_shares(request: Any) -> None:
    no_content(request)
    parameters = request.inputs[0].parameters
    parameters["shared_memory_region"].string_param = "nope"
    parameters["shared_memory_byte_size"].int64_param = 10


def output_into_memory_that_nobody_shares(request: Any) -> None:
    parameters = output(request).parameters
    parameters["shared_memory_region"].string_param = "nope"
    parameters["shared_memory_byte_size"].int64_param = 10


def priority_below_none(request: Any) -> None:
    request.parameters["priority"].int64_param = -1


def a_reserved_parameter(request: Any) -> None:
    request.parameters["triton_final_response"].bool_param = True


def a_parameter_without_a_value(request: Any) -> None:
    request.parameters["nothing"].SetInParent()


def a_long_sequence_name(request: Any) -> None:
    request.parameters["sequence_id"].string_param = "x" * 200


def version_that_is_no_number(request: Any) -> None:
    request.model_version = "99999999999999999999"


def version_that_is_not_there(request: Any) -> None:
    request.model_version = "7"


def a_name_longer_than_a_header(request: Any) -> None:
    request.model_name = "x" * 100_000


def output(request: Any) -> Any:
    entry = request.outputs.add()
    entry.name = next(iter(MODELS[request.model_name].outputs))
    return entry


REFUSED: list[Callable[[Any], None]] = [
    *(wrong_datatype, no_datatype, unknown_input, no_input, input_twice, no_content),
    *(content_of_two_kinds, content_of_another_datatype, too_many_elements, unknown_output),
    *(classes_below_none, classes_in_words, memory_that_nobody_shares, priority_below_none),
    *(output_into_memory_that_nobody_shares, a_reserved_parameter, a_parameter_without_a_value),
    *(a_long_sequence_name, version_that_is_no_number, version_that_is_not_there),
    a_name_longer_than_a_header,
]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_requests_that_do_not_fit_the_model(
    ask: Any, image: bytes, spoil: Callable[[Any], None]
) -> None:
    for model in MODELS:
        request = infer_request(model, image)
        spoil(request)
        if model in ("vote", "cells") and spoil is no_input:
            continue  # whose inputs are optional
        assert refusal(ask, request).code() not in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )


def test_more_parameters_and_outputs_than_anybody_needs(ask: Any, image: bytes) -> None:
    request = infer_request(ENSEMBLE, image)
    for number in range(10_000):
        request.parameters[f"p{number}"].string_param = "x"
        request.outputs.add().name = "LABEL"
    request.id = "\0\n{}" + "x" * 1_000_000
    request.parameters["sequence_start"].bool_param = True
    request.parameters["sequence_id"].int64_param = -1
    request.parameters["timeout"].int64_param = 1
    request.parameters["priority"].uint64_param = 2**64 - 1
    request.raw_input_contents.append(b"one more")
    assert ask.ModelInfer(request, timeout=PATIENCE).outputs


@pytest.mark.parametrize("model", MODELS)
def test_requests_of_a_sequence(ask: Any, image: bytes, model: str) -> None:
    """A sequence with a text for its name ended an ensemble that had an ensemble in it."""
    for name in ({"string_param": "a patient"}, {"int64_param": -1}, {"uint64_param": 2**63}):
        request = infer_request(model, image)
        for key, value in name.items():
            setattr(request.parameters["sequence_id"], key, value)
        request.parameters["sequence_start"].bool_param = True
        request.parameters["sequence_end"].bool_param = True
        assert code_of(ask.ModelInfer, request) in (grpc.StatusCode.OK, BAD)


ADMINISTRATION = {
    "unload": ("RepositoryModelUnload", {"model_name": ENSEMBLE}),
    "load": ("RepositoryModelLoad", {"model_name": "vote"}),
    "share a file": ("SystemSharedMemoryRegister", {"name": "a", "key": "/../etc/passwd"}),
    "share CUDA memory": ("CudaSharedMemoryRegister", {"name": "a", "raw_handle": b"x" * 64}),
}


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_what_only_an_administrator_may(ask: Any, name: str) -> None:
    method, fields = ADMINISTRATION[name]
    with pytest.raises(grpc.RpcError):
        getattr(ask, method)(getattr(protocol, f"{method}Request")(**fields), timeout=PATIENCE)


NUMBERS = (-(2**63), -(2**31), -1, 0, 1, 2, 4, 64, 65, 224, 2**31 - 1, 2**31, 2**32, 2**63 - 1)
NAMES = ("", "IMAGE", "PIXELS", "QUALITY", "PROBABILITIES", "LABEL", "LOGITS", "\0", "é" * 50)
KEYS = (
    *("classification", "binary_data", "binary_data_size", "binary_data_output", "sequence_id"),
    *("sequence_start", "sequence_end", "priority", "timeout", "shared_memory_region"),
    *("shared_memory_byte_size", "shared_memory_offset", "triton_enable_empty_final_response"),
)


def set_parameter(parameters: Any, rng: random.Random) -> None:
    value = parameters[rng.choice(KEYS)]
    kind = rng.choice(("int64", "uint64", "bool", "string", "double"))
    values: dict[str, Any] = {
        "int64": rng.choice(NUMBERS),
        "uint64": abs(rng.choice(NUMBERS)),
        "bool": rng.random() < 0.5,
        "string": rng.choice(NAMES),
        "double": rng.choice((0.5, float("nan"), float("inf"))),
    }
    setattr(value, f"{kind}_param", values[kind])


def made_up(rng: random.Random, image: bytes) -> Any:
    """A sound request with some of its fields overwritten."""
    model = rng.choice(list(MODELS))
    request = infer_request(model, image)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(request.inputs))
        entry, kind = request.inputs[place], rng.randrange(11)
        if kind == 0:
            entry.shape[:] = rng.choices(NUMBERS, k=rng.randrange(5))
        elif kind == 1 and entry.shape:
            entry.shape[rng.randrange(len(entry.shape))] = rng.choice(NUMBERS)
        elif kind == 2:
            entry.datatype = rng.choice(("BYTES", "FP32", "FP16", "BF16", "BOOL", "INT64", ""))
        elif kind == 3:
            entry.name = rng.choice(NAMES)
        elif kind == 4:
            set_parameter(entry.parameters, rng)
        elif kind == 5:
            set_parameter(request.parameters, rng)
        elif kind == 6:
            added = request.outputs.add()
            added.name = rng.choice([*MODELS[model].outputs, *NAMES])
            set_parameter(added.parameters, rng)
        elif kind == 7 and request.raw_input_contents:
            at = rng.randrange(len(request.raw_input_contents))
            data = bytearray(request.raw_input_contents[at])
            data[: rng.randrange(5)] = rng.randbytes(rng.randrange(5))
            request.raw_input_contents[at] = bytes(data[: rng.choice((len(data), 0, 7, 100))])
        elif kind == 8:
            request.model_version = rng.choice(("", "1", "2", "0", "-1", "x"))
        elif kind == 9:
            entry.contents.bytes_contents.append(b"x")
        else:
            request.raw_input_contents.append(rng.randbytes(9))
    return request


def test_requests_made_up_at_random(ask: Any, image: bytes) -> None:
    rng = random.Random(COUNT)
    codes: dict[str, int] = {}
    for _ in range(COUNT):
        code = code_of(ask.ModelInfer, made_up(rng, image)).name
        codes[code] = codes.get(code, 0) + 1
    assert codes.keys() <= {"OK", "INVALID_ARGUMENT", "INTERNAL", "NOT_FOUND", "UNIMPLEMENTED"}
    assert codes["OK"] < COUNT / 2
    assert codes["INVALID_ARGUMENT"] > COUNT / 4


METHODS = sorted(
    {method.name for method in protocol.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods}
    - {"ModelStreamInfer"}
)


def test_bytes_that_are_no_message(server: LocalServer, image: bytes) -> None:
    """To every method; a message cut, or with a few other bytes at its beginning."""
    rng = random.Random(COUNT)
    sound = [infer_request(model, image).SerializeToString() for model in MODELS]
    with new_channel(server.grpc_address) as channel:
        for number in range(COUNT):
            method = METHODS[number % len(METHODS)]
            message = bytearray(rng.choice(sound) if method == "ModelInfer" else b"\n\4vote")
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(min(len(message), 200))
                message[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(5))
            del message[rng.choice((len(message), rng.randrange(1, 60))) :]
            code = code_of(channel.unary_unary(SERVICE + method), bytes(message))
            assert code is not grpc.StatusCode.DEADLINE_EXCEEDED, method
