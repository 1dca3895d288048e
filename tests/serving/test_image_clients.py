"""Image clients ask every output for its classes, as NVIDIA's ensemble_image_client.py does.

Metadata first, then the configuration, then one request with a class count for each output that
the metadata name. Triton 2.51 as it is dies of the first output of texts.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as protocol

from allclient.contract import CASCADE, CLASSES, ENSEMBLE, MAX_BATCH, MODELS, SUBTYPES
from samples import render
from tests.serving.raw_requests import Bystander, content, infer_request, new_channel, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

CLASS_COUNT = 3
REFUSED = "class result not available for output due to unsupported type 'BYTES'"


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return render.encoded(count=3, seed=53)


@pytest.fixture(autouse=True)
def _nobody_else_notices(open_server: LocalServer, images: list[bytes]) -> Iterator[None]:
    pid = open_server.pid
    with Bystander(open_server.grpc_address, images[0]) as other:
        yield
    assert other.failures == []
    assert open_server.exit_status() is None
    assert open_server.pid == pid


@pytest.fixture
def web(open_server: LocalServer) -> Iterator[http.client.HTTPConnection]:
    assert open_server.http_address is not None
    connection = http.client.HTTPConnection(open_server.http_address, timeout=60)
    yield connection
    connection.close()


def get(web: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    web.request("GET", path)
    response = web.getresponse()
    assert response.status == 200
    found: dict[str, Any] = json.loads(response.read())
    return found


def texts_of(model: str) -> bool:
    return any(tensor.datatype == "BYTES" for tensor in MODELS[model].outputs.values())


def entries(rows: Any) -> list[tuple[float, int, str]]:
    """VALUE:INDEX[:NAME] of each class."""
    found = []
    for entry in rows:
        value, index, *name = (entry.decode() if isinstance(entry, bytes) else entry).split(":")
        found.append((float(value), int(index), *name, "")[:3])
    return found


@pytest.mark.parametrize("model", MODELS)
def test_every_output_over_grpc(open_server: LocalServer, images: list[bytes], model: str) -> None:
    with new_channel(open_server.grpc_address) as channel:
        ask = stub(channel)
        metadata = ask.ModelMetadata(protocol.ModelMetadataRequest(name=model), timeout=60)
        config = ask.ModelConfig(protocol.ModelConfigRequest(name=model), timeout=60).config
        assert config.max_batch_size == MAX_BATCH
        assert {output.name for output in metadata.outputs} == MODELS[model].outputs.keys()
        request = infer_request(model, images[0])
        for output in metadata.outputs:
            entry = request.outputs.add()
            entry.name = output.name
            entry.parameters["classification"].int64_param = CLASS_COUNT
        if texts_of(model):
            with pytest.raises(grpc.RpcError, match=REFUSED) as refused:
                ask.ModelInfer(request, timeout=60)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        else:
            answer = ask.ModelInfer(request, timeout=60)
            assert {output.datatype for output in answer.outputs} == {"BYTES"}


@pytest.mark.parametrize("model", MODELS)
def test_every_output_over_http(
    web: http.client.HTTPConnection, images: list[bytes], model: str
) -> None:
    metadata = get(web, f"/v2/models/{model}")
    config = get(web, f"/v2/models/{model}/config")
    assert config["max_batch_size"] == MAX_BATCH
    inputs, raw = [], b""
    for name, tensor in MODELS[model].inputs.items():
        data = content(tensor, images[0])
        raw += data
        inputs.append(
            {
                "name": name,
                "datatype": tensor.datatype,
                "shape": [1, *tensor.shape],
                "parameters": {"binary_data_size": len(data)},
            }
        )
    for binary in (True, False):
        parameters = {"classification": CLASS_COUNT, "binary_data": binary}
        outputs = [
            {"name": output["name"], "parameters": parameters} for output in metadata["outputs"]
        ]
        head = json.dumps({"inputs": inputs, "outputs": outputs}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        web.request("POST", f"/v2/models/{model}/infer", head + raw, headers)
        response = web.getresponse()
        said = response.read()
        if texts_of(model):
            assert (response.status, json.loads(said)) == (400, {"error": REFUSED})
        else:
            assert response.status == 200


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE, "vote"])
def test_outputs_of_texts_one_by_one(
    open_server: LocalServer, images: list[bytes], model: str
) -> None:
    with new_channel(open_server.grpc_address) as channel:
        for name, tensor in MODELS[model].outputs.items():
            request = infer_request(model, images[0])
            entry = request.outputs.add()
            entry.name = name
            entry.parameters["classification"].int64_param = 2
            call = stub(channel).ModelInfer.future(request, timeout=60)
            failure = call.exception()
            assert (failure is not None) == (tensor.datatype == "BYTES"), name


def test_all_classes_gives_a_batch_of_files_their_classes(
    open_server: LocalServer, images: list[bytes]
) -> None:
    """Step by step what ensemble_image_client.py does over gRPC, and its checks."""
    with triton.InferenceServerClient(open_server.grpc_address) as client:
        metadata = client.get_model_metadata(CLASSES)
        config = client.get_model_config(CLASSES).config
        assert len(metadata.inputs) == len(config.input) == 1
        batch = np.stack([np.array([image], dtype=np.object_) for image in images])
        image = triton.InferInput(metadata.inputs[0].name, batch.shape, "BYTES")
        image.set_data_from_numpy(batch)
        names = [output.name for output in metadata.outputs]
        asked = [triton.InferRequestedOutput(name, class_count=CLASS_COUNT) for name in names]
        answer = client.infer(CLASSES, [image], outputs=asked)
        numbers = client.infer(ENSEMBLE, [image]).as_numpy("PROBABILITIES")
    assert names == ["PROBABILITIES"]
    rows = answer.as_numpy("PROBABILITIES")
    assert rows.shape == (len(images), CLASS_COUNT)
    for row, probabilities in zip(rows, numbers, strict=True):
        likeliest = np.argsort(-probabilities)[:CLASS_COUNT]
        for (value, index, name), expected in zip(entries(row), likeliest, strict=True):
            assert index == expected
            assert name == SUBTYPES[index].value
            assert value == pytest.approx(float(probabilities[index]), abs=1e-5)
