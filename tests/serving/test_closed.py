"""Only what is asked for is open, and no client changes anything for the others."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from allclient import Client
from allclient.contract import ENSEMBLE
from allclient.local import LocalServer
from allclient.local.access import RESTRICTED
from samples import render
from tests.waiting import until

MODELS = Path(__file__).resolve().parents[2] / "model_repository"
REGION = "nobody", "/nobody", 16

# What a client could change or see of others, by the name of what it belongs to.
CALLS: dict[str, list[Callable[..., Any]]] = {
    "shared-memory": [
        lambda client, **header: client.register_system_shared_memory(*REGION, **header),
        lambda client, **header: client.unregister_system_shared_memory(**header),
        lambda client, **header: client.get_system_shared_memory_status(**header),
        lambda client, **header: client.register_cuda_shared_memory("x", b"", 0, 16, **header),
        lambda client, **header: client.get_cuda_shared_memory_status(**header),
    ],
    "model-repository": [
        lambda client, **header: client.get_model_repository_index(**header),
        lambda client, **header: client.load_model("vote", **header),
        lambda client, **header: client.load_model(
            "evil",
            config='{"backend": "python"}',
            files={"file:1/model.py": b"raise SystemExit"},
            **header,
        ),
        lambda client, **header: client.unload_model("vote", **header),
    ],
    "logging": [
        lambda client, **header: client.update_log_settings({"log_verbose_level": 1}, **header),
        lambda client, **header: client.get_log_settings(**header),
    ],
    "trace": [
        lambda client, **header: client.update_trace_settings(
            settings={"trace_level": "TIMESTAMPS"}, **header
        ),
        lambda client, **header: client.get_trace_settings(**header),
    ],
}

OVER_HTTP = {
    "shared-memory": [
        ("POST", "/v2/systemsharedmemory/region/x/register", '{"key":"/x","byte_size":16}'),
        ("POST", "/v2/systemsharedmemory/unregister", "{}"),
        ("GET", "/v2/systemsharedmemory/status", None),
    ],
    "model-repository": [
        ("POST", "/v2/repository/index", "{}"),
        ("POST", "/v2/repository/models/vote/load", "{}"),
        ("POST", "/v2/repository/models/vote/unload", "{}"),
    ],
    "logging": [("POST", "/v2/logging", '{"log_verbose_level":1}'), ("GET", "/v2/logging", None)],
    "trace": [
        ("POST", "/v2/trace/setting", '{"trace_level":["TIMESTAMPS"]}'),
        ("GET", "/v2/trace/setting", None),
    ],
}


@pytest.fixture
def client(server: LocalServer) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(server.grpc_address)
    yield client
    client.close()


def listening(server: LocalServer) -> set[int]:
    connections = psutil.Process(server.pid).net_connections("inet")
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def test_it_listens_for_grpc_alone(server: LocalServer) -> None:
    assert listening(server) == {int(server.grpc_address.rpartition(":")[2])}
    assert (server.http_address, server.metrics_address) == (None, None)


def test_an_ordinary_client_sees_what_it_needs(
    server: LocalServer, client: triton.InferenceServerClient
) -> None:
    with Client(server.grpc_address) as ours:
        assert ours.health().ok
        assert ours.classify(render.encoded(count=1, seed=1)[0]).votes
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(ENSEMBLE)
    assert client.get_server_metadata().name == "triton"
    assert client.get_model_metadata(ENSEMBLE).name == ENSEMBLE
    assert client.get_model_config(ENSEMBLE).config.name == ENSEMBLE

    def count() -> int:
        (statistics,) = client.get_inference_statistics(ENSEMBLE).model_stats
        return int(statistics.inference_stats.success.count)

    until(count, "a count of the ensemble")


@pytest.mark.parametrize("name", RESTRICTED)
@pytest.mark.parametrize("header", [{}, {"triton-grpc-protocol-allclient-admin": "guessed"}])
def test_an_ordinary_client_changes_nothing(
    client: triton.InferenceServerClient, name: str, header: dict[str, str]
) -> None:
    for call in CALLS[name]:
        with pytest.raises(triton.InferenceServerException, match="protocol is restricted"):
            call(client, headers=header)


def test_no_call_of_the_protocol_was_forgotten() -> None:
    """Every method of KServe v2 and Triton's extensions is open on purpose or restricted."""
    methods = {
        method.name
        for method in service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    }
    reads = {"ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata"}
    reads |= {"ModelConfig", "ModelStatistics", "ModelInfer", "ModelStreamInfer"}
    closed = {"RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"}
    closed |= {"TraceSetting", "LogSettings"}
    closed |= {
        f"{kind}SharedMemory{what}"
        for kind in ("System", "Cuda")
        for what in ("Register", "Unregister", "Status")
    }
    assert methods == reads | closed
    assert hasattr(service_pb2_grpc, "GRPCInferenceServiceStub")


def test_nobody_loads_or_unloads_a_model_not_even_with_the_key(
    server: LocalServer, client: triton.InferenceServerClient
) -> None:
    """The key changes settings; code must not come that way."""
    for call in CALLS["model-repository"][1:]:
        with pytest.raises(triton.InferenceServerException, match="explicit model load"):
            call(client, headers=server.admin_headers)
    assert client.get_log_settings(headers=server.admin_headers).settings
    assert set(server.models()) == {path.name for path in MODELS.iterdir()}


def test_a_server_for_one_model_loads_no_other(client: triton.InferenceServerClient) -> None:
    with LocalServer(MODELS, model=ENSEMBLE) as server:
        other = triton.InferenceServerClient(server.grpc_address)
        with pytest.raises(triton.InferenceServerException, match="explicit model load"):
            other.load_model("all_cascade", headers=server.admin_headers)
        other.close()


def test_http_and_metrics_open_with_their_ports_and_shared_memory_when_allowed() -> None:
    with LocalServer(MODELS, http_port=0, metrics_port=0, allow=["shared-memory"]) as server:
        assert server.http_address is not None
        assert server.metrics_address is not None
        addresses = (server.grpc_address, server.http_address, server.metrics_address)
        assert listening(server) == {int(address.rpartition(":")[2]) for address in addresses}
        assert b"nv_inference_count" in get(server.metrics_address, "GET", "/metrics")[1]
        assert get(server.http_address, "GET", "/v2/health/ready")[0] == 200
        for name, requests in OVER_HTTP.items():
            for method, path, body in requests:
                status, answer = get(server.http_address, method, path, body)
                refused = "API is restricted" in answer.decode()
                assert refused == (name != "shared-memory"), (path, status, answer)
                assert (status == 403) == refused
        share(server)


def unregistered(client: triton.InferenceServerClient) -> bool:
    try:
        client.unregister_system_shared_memory("pixels")
    except InferenceServerException as error:
        if "currently in use" in str(error):
            return False
        raise
    return True


def share(server: LocalServer) -> None:
    """As deploy/gpu/load.py does."""
    from multiprocessing import shared_memory

    pixels = np.zeros((1, 224, 224, 3), np.uint8)
    memory = shared_memory.SharedMemory(create=True, size=pixels.nbytes)
    client = triton.InferenceServerClient(server.grpc_address)
    try:
        client.register_system_shared_memory("pixels", f"/{memory.name}", pixels.nbytes)
        tensor = triton.InferInput("PIXELS", list(pixels.shape), "UINT8")
        tensor.set_shared_memory("pixels", pixels.nbytes)
        assert client.infer("mobilenet", [tensor]).as_numpy("LOGITS").shape == (1, 4)
        until(
            lambda: unregistered(client),
            "the end of the region, which Triton holds a moment longer",
        )
    finally:
        client.close()
        memory.close()
        memory.unlink()


def get(address: str, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_index_over_http_needs_the_key_in_its_header() -> None:
    with LocalServer(MODELS, http_port=0, model=ENSEMBLE) as server:
        assert server.http_address is not None
        (key,) = server.admin_headers.values()
        connection = http.client.HTTPConnection(server.http_address, timeout=60)
        connection.request("POST", "/v2/repository/index", "{}", {"allclient-admin": key})
        index = json.loads(connection.getresponse().read())
        connection.close()
        assert ENSEMBLE in {model["name"] for model in index}
