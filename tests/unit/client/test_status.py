from __future__ import annotations

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from allclient.contract import ImageErrorCode
from allclient.errors import (
    ImageRejectedError,
    InferenceError,
    ModelNotReadyError,
    ProtocolError,
    ServerUnavailableError,
)
from allclient.transport.status import BY_STATUS, is_unavailable, refusal, translate


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


def test_only_unavailable_is_worth_another_try() -> None:
    tried_again = [s for s in grpc.StatusCode if is_unavailable(foreign(s, ""))]
    assert tried_again == [grpc.StatusCode.UNAVAILABLE]


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
    assert "name not found" in said("errors resolving t:1: [lookup: name not found]")
