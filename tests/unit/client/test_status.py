from __future__ import annotations

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from allclient.contract import ImageErrorCode
from allclient.errors import (
    ConfigurationError,
    ImageRejectedError,
    InferenceError,
    ModelNotReadyError,
    ProtocolError,
    ServerUnavailableError,
)
from allclient.transport.status import BY_STATUS, Trouble, refusal, translate, trouble_of


def foreign(status: grpc.StatusCode | None, message: str | None) -> InferenceServerException:
    """As tritonclient makes it of a gRPC error."""
    return InferenceServerException(message, status=None if status is None else str(status))


def test_every_grpc_status_is_mapped_and_nothing_else() -> None:
    assert set(BY_STATUS) == {status.name for status in grpc.StatusCode}


@pytest.mark.parametrize("status", list(grpc.StatusCode))
def test_every_grpc_status_becomes_its_error_with_its_reason(status: grpc.StatusCode) -> None:
    error = translate(foreign(status, "some  detail"), "triton:8001", "all_ensemble")
    assert type(error) is BY_STATUS[status.name]
    assert "triton:8001" in str(error)
    assert "some detail" in str(error)


def test_what_is_worth_another_try_whatever_it_says() -> None:
    """A call that a server or a proxy cancels, as when it ends, was lost with it."""
    tried_again = [s for s in grpc.StatusCode if trouble_of(foreign(s, "")) is not Trouble.FINAL]
    assert tried_again == [grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE]


REFUSED = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:8001: Failed to "
    "connect to remote host: connect: Connection refused (111)"
)
NO_GRPC = (
    "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:1.2.3.4:1: Socket closed"
)
STUB = "in ensemble 'all_ensemble', Stub process 'preprocess_0_1' is not healthy."
NO_ROOM = (
    "in ensemble 'all_ensemble', Failed to process the request(s) for model 'preprocess_0_0', "
    "message: Failed to increase the shared memory pool size for key 'x' to 18874368 bytes. If you "
    "are running Triton inside docker, use '--shm-size' flag to control the shared memory region "
    "size. Error: No space left on device"
)
STOPPING = "Server is stopping, scheduler for model has stopped accepting new inference requests"
NO_VERSIONS = "Request for unknown model: 'all_ensemble' has no available versions"


@pytest.mark.parametrize(
    ("status", "detail", "trouble"),
    [
        ("UNAVAILABLE", REFUSED, Trouble.AWAY),
        ("UNAVAILABLE", NO_GRPC, Trouble.AWAY),
        ("UNAVAILABLE", STOPPING, Trouble.AWAY),
        ("INTERNAL", f"[StatusCode.UNAVAILABLE] {STOPPING}", Trouble.AWAY),
        ("UNAVAILABLE", "'all_ensemble' is not at ready state", Trouble.AWAY),
        ("UNAVAILABLE", "Received http2 header with status: 502", Trouble.AWAY),
        ("NOT_FOUND", NO_VERSIONS, Trouble.AWAY),
        ("NOT_FOUND", "Request for unknown model: 'x' is not found", Trouble.FINAL),
        ("UNAVAILABLE", "Socket closed", Trouble.LOST),
        ("UNAVAILABLE", "Stream removed (Socket closed)", Trouble.LOST),
        ("UNAVAILABLE", "recvmsg:Connection reset by peer", Trouble.LOST),
        ("UNAVAILABLE", "keepalive watchdog timeout", Trouble.LOST),
        ("UNKNOWN", "Stream removed", Trouble.LOST),
        ("INTERNAL", STUB, Trouble.SICK),
        ("INTERNAL", NO_ROOM, Trouble.SHORT),
        ("INTERNAL", "batch size 225 for 'xception_0_0', max allowed is 64", Trouble.SHORT),
        ("UNAVAILABLE", "This protocol is restricted, expecting header 'x'", Trouble.FINAL),
        ("INTERNAL", "a step failed", Trouble.FINAL),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", Trouble.FINAL),
    ],
)
def test_what_is_worth_another_try(status: str, detail: str, trouble: Trouble) -> None:
    assert trouble_of(foreign(grpc.StatusCode[status], detail)) is trouble


def test_a_restricted_protocol_refuses_the_client() -> None:
    detail = "This protocol is restricted, expecting header 'triton-grpc-protocol-x'"
    error = translate(foreign(grpc.StatusCode.UNAVAILABLE, detail), "t:1", "m")
    assert type(error) is ConfigurationError
    assert "refuses this client" in str(error)


def test_error_without_status_or_message() -> None:
    error = translate(foreign(None, None), "triton:8001", "all_ensemble")
    assert type(error) is InferenceError


@pytest.mark.parametrize("code", list(ImageErrorCode))
def test_refusals_that_a_server_can_send(code: ImageErrorCode) -> None:
    error = refusal(f"in ensemble 'all_ensemble', [{code.value}] the reason,\n  in a sentence")
    if code in (ImageErrorCode.FILE_NOT_FOUND, ImageErrorCode.FILE_UNREADABLE):
        assert error is None  # only this side can say so
    else:
        assert error is not None
        assert (error.code, str(error)) == (code.value, "the reason, in a sentence")


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "INTERNAL", "UNKNOWN"])
def test_refusal_is_told_from_a_failure(status: str) -> None:
    message = "[StatusCode.X] Failed to process: [image_corrupt] no image"
    error = translate(foreign(grpc.StatusCode[status], message), "triton:8001", "all_ensemble")
    assert type(error) is ImageRejectedError
    assert error.code == "image_corrupt"


def test_brackets_that_are_no_code() -> None:
    error = translate(
        foreign(grpc.StatusCode.INVALID_ARGUMENT, "[request id: 4] unexpected shape"), "t:1", "m"
    )
    assert type(error) is ProtocolError


def test_a_gone_server_never_reads_as_a_bad_image() -> None:
    error = translate(foreign(grpc.StatusCode.UNAVAILABLE, "[image_corrupt] x"), "t:1", "m")
    assert type(error) is ServerUnavailableError


def test_model_that_is_still_loading() -> None:
    detail = "Request for unknown model: 'all_ensemble' is not at ready state"
    error = translate(foreign(grpc.StatusCode.UNAVAILABLE, detail), "t:1", "all_ensemble")
    assert type(error) is ModelNotReadyError


def test_connection_errors_are_short_and_show_the_way_out() -> None:
    def said(detail: str) -> str:
        return str(translate(foreign(grpc.StatusCode.UNAVAILABLE, detail), "t:1", "m"))

    chain = "failed to connect to all addresses; last error: UNKNOWN: ipv4:1.2.3.4:1: refused"
    assert said(chain) == "no server answers at t:1 (refused)"
    http = (
        "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:1.2.3.4:1: Socket closed"
    )
    assert "gRPC port, not HTTP" in said(http)
    clear = "Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: WRONG_VERSION_NUMBER: OK"
    assert said(clear).endswith(
        "(it does not encrypt, and was asked with TLS: leave out the options of TLS)"
    )
    assert "name not found" in said("errors resolving t:1: [lookup: name not found]")
