"""What comes back for one image, right and wrong, by both clients."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from allclient import Backbone, Label, ReviewReason, Subtype
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    ImageReadError,
    ImageRejectedError,
    InferenceError,
    ModelNotReadyError,
    ProtocolError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.transport import Retry
from tests.unit.client.kserve import (
    BENIGN,
    MALIGNANT_ANSWER,
    PRE_B,
    KServe,
    Refused,
    numbers,
    words,
)

QUICK = Retry(seconds=0.2, first=0.01, longest=0.02)


def test_result(server: KServe, connect: Any, images: Callable[..., list[str]]) -> None:
    (path,) = images("review this")
    result = connect(server).classify(path)
    assert result.label is Label.MALIGNANT
    assert result.subtype is Subtype.PRE_B
    assert result.probability == pytest.approx(0.95)
    assert list(result.probabilities) == list(Subtype)
    assert result.probabilities[Subtype.PRE_B] == pytest.approx(0.8)
    assert list(result.backbone_probabilities) == list(Backbone)
    assert result.votes == dict.fromkeys(Backbone, Subtype.PRE_B)
    assert result.review == (ReviewReason.LOW_CONFIDENCE, ReviewReason.FIRST_PAGE_ONLY)
    assert result.needs_review
    assert result.ood_score == pytest.approx(0.25)
    assert (result.heatmap.shape, result.heatmap.dtype) == ((7, 7), np.float32)
    assert result.model_version == "1"
    assert server.request_ids == [result.request_id]


def test_bytes_arrive_as_they_are(server: KServe, connect: Any) -> None:
    seen = []
    server.respond = lambda image: (seen.append(image), MALIGNANT_ANSWER)[1]
    awkward = b"\0" + bytes(range(256)) * 1000 + b"\0\0"
    connect(server).classify(awkward)
    assert seen == [awkward]


def test_path_may_be_an_object(server: KServe, connect: Any, images: Any) -> None:
    (path,) = images("benign")
    assert connect(server).classify(Path(path)).label is Label.BENIGN


def test_every_image_has_an_id_of_its_own(server: KServe, connect: Any) -> None:
    client = connect(server)
    for _ in range(3):
        client.classify(b"x")
    assert len(set(server.request_ids)) == 3


def test_large_image(server: KServe, connect: Any) -> None:
    size = []
    server.respond = lambda image: (size.append(len(image)), MALIGNANT_ANSWER)[1]
    connect(server).classify(bytes(9 * 1024 * 1024))  # gRPC's own limit is 4 MiB
    assert size == [9 * 1024 * 1024]


def test_headers_and_token_go_along(server: KServe, connect: Any) -> None:
    connect(server, headers={"x-site": "lab-4"}, token="secret-word").classify(b"x")
    (sent,) = server.headers
    assert sent["x-site"] == "lab-4"
    assert sent["authorization"] == "Bearer secret-word"


def test_refused_image(server: KServe, connect: Any) -> None:
    with pytest.raises(ImageRejectedError, match=r"^the JPEG ends before its last row$") as caught:
        connect(server).classify(b"torn")
    assert caught.value.code == "image_truncated"
    assert server.asked == 1


def test_unreadable_file_never_reaches_the_server(
    server: KServe, connect: Any, tmp_path: Path
) -> None:
    with pytest.raises(ImageReadError) as caught:
        connect(server).classify(tmp_path / "none.jpg")
    assert caught.value.code == "file_not_found"
    assert server.asked == 0


def test_unavailable_is_tried_again_until_it_works(server: KServe, connect: Any) -> None:
    def respond(_: bytes) -> Any:
        if server.asked < 3:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "restarting")
        return MALIGNANT_ANSWER

    server.respond = respond
    assert connect(server, retry=QUICK).classify(b"x").label is Label.MALIGNANT
    assert server.asked == 3
    assert len(set(server.request_ids)) == 1


def test_unavailable_ends_after_the_time(server: KServe, connect: Any) -> None:
    with pytest.raises(ServerUnavailableError, match=re.escape(server.address)):
        connect(server, retry=QUICK).classify(b"gone")
    assert server.asked > 1


# A deadline that comes before its time is tried again, too: test_riding.py.
RETRIED = ("OK", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("status", [s for s in grpc.StatusCode if s.name not in RETRIED])
def test_nothing_else_is_tried_again(server: KServe, connect: Any, status: Any) -> None:
    def respond(_: bytes) -> Any:
        raise Refused(status, "no")

    server.respond = respond
    with pytest.raises(AllclientError, match="no"):
        connect(server, retry=QUICK).classify(b"x")
    assert server.asked == 1


def test_no_try_begins_after_the_time(server: KServe, connect: Any) -> None:
    patient = Retry(seconds=30, first=600, longest=600)
    with pytest.raises(ServerUnavailableError):
        connect(server, retry=patient).classify(b"gone")
    assert server.asked == 1


def test_nobody_there(server: KServe, connect: Any) -> None:
    server.stop()
    with pytest.raises(ServerUnavailableError, match="no server answers at 127"):
        connect(server, retry=QUICK).classify(b"x")


def test_server_that_comes_back(server: KServe, connect: Any) -> None:
    client = connect(server)
    client.classify(b"x")
    server.stop()
    server.start(server.address)
    assert client.classify(b"x").label is Label.MALIGNANT


def test_timeout(server: KServe, connect: Any, release: Any) -> None:
    server.respond = lambda _: (release.wait(), MALIGNANT_ANSWER)[1]
    with pytest.raises(ServerTimeoutError, match="gave no answer in time"):
        connect(server, timeout=0.2).classify(b"x")


def test_model_that_is_not_served(server: KServe, connect: Any) -> None:
    def respond(_: bytes) -> Any:
        raise Refused(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' is not found")

    server.respond = respond
    with pytest.raises(ModelNotReadyError, match="does not serve the model 'all_ensemble'"):
        connect(server).classify(b"x")


def test_failed_inference(server: KServe, connect: Any) -> None:
    with pytest.raises(InferenceError, match="a step failed"):
        connect(server).classify(b"fails")


def test_closed_client_says_so(server: KServe, connect: Any) -> None:
    client = connect(server)
    client.call("close")
    with pytest.raises(ConfigurationError, match="closed"):
        client.classify(b"x")


def without(name: str) -> dict[str, np.ndarray]:
    tensors = MALIGNANT_ANSWER.tensors()
    del tensors[name]
    return tensors


def with_tensor(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    return {**MALIGNANT_ANSWER.tensors(), name: value}


NAN = float("nan")
WRONG = {
    "label is missing": (without("LABEL"), "no tensor LABEL"),
    "heatmap is missing": (without("HEATMAP"), "no tensor HEATMAP"),
    "batch of two": (with_tensor("LABEL", np.array([[b"a"], [b"b"]], object)), r"LABEL is BYTES"),
    "heatmap shape": (with_tensor("HEATMAP", numbers(np.zeros((1, 5, 5)))), r"FP32 \[1, 5, 5\]"),
    "datatype": (with_tensor("OOD_SCORE", np.zeros((1, 1), np.int64)), "OOD_SCORE is INT64"),
    "two votes": (with_tensor("VOTES", words("pre_b", "pre_b")), r"VOTES is BYTES \[1, 2\]"),
    "NaN": (replace(MALIGNANT_ANSWER, probabilities=(NAN, 0.5, 0.5, 0)), "PROBABILITIES holds NaN"),
    "NaN score": (replace(MALIGNANT_ANSWER, ood_score=NAN), "OOD_SCORE holds NaN"),
    "sum": (replace(MALIGNANT_ANSWER, probabilities=(0.1, 0.1, 0.7, 0.05)), "sums to 0.95"),
    "negative": (replace(MALIGNANT_ANSWER, probabilities=(-0.1, 0.2, 0.8, 0.1)), "not probabilit"),
    "backbone sum": (
        replace(MALIGNANT_ANSWER, backbone_probabilities=(PRE_B, PRE_B, (0.0, 0.0, 0.9, 0.0))),
        "BACKBONE_PROBABILITIES sums to",
    ),
    "score": (replace(MALIGNANT_ANSWER, ood_score=1.5), "OOD_SCORE leaves the range"),
    "heatmap range": (replace(MALIGNANT_ANSWER, heatmap=-0.5), "HEATMAP leaves the range"),
    "label": (replace(MALIGNANT_ANSWER, label="sick"), "LABEL holds b'sick', none of: benign, mal"),
    "not ASCII": (with_tensor("LABEL", np.array([["\u00e4".encode()]], object)), "LABEL holds"),
    "subtype": (replace(MALIGNANT_ANSWER, subtype="pre"), "SUBTYPE holds b'pre'"),
    "vote": (replace(MALIGNANT_ANSWER, votes=("pre_b", "x", "pre_b")), "VOTES holds b'x'"),
    "review": (replace(MALIGNANT_ANSWER, review="because"), "REVIEW holds b'because'"),
    "review comma": (replace(MALIGNANT_ANSWER, review="disagreement,"), "REVIEW holds b''"),
    "label against votes": (
        replace(MALIGNANT_ANSWER, label="benign", subtype="benign"),
        "LABEL benign contradicts the votes pre_b, pre_b, pre_b",
    ),
    "subtype against label": (replace(MALIGNANT_ANSWER, subtype="benign"), "SUBTYPE benign contra"),
    "subtype nobody voted for": (
        replace(MALIGNANT_ANSWER, subtype="pro_b"),
        "SUBTYPE pro_b contra",
    ),
    "vote against probabilities": (
        replace(MALIGNANT_ANSWER, backbone_probabilities=(PRE_B, BENIGN, PRE_B)),
        "xception votes pre_b and gives another class",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_answer_outside_the_contract_is_no_answer(server: KServe, connect: Any, case: str) -> None:
    answer, reason = WRONG[case]
    server.respond = lambda _: answer
    with pytest.raises(ProtocolError, match=reason):
        connect(server).classify(b"x")


def test_torn_text_tensor(server: KServe, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def tear(request: Any, context: Any) -> Any:
        response = infer(request, context)
        response.raw_output_contents[0] = b"\xff\0\0\0short"
        return response

    infer = server.ModelInfer
    monkeypatch.setattr(server, "ModelInfer", tear)
    server.stop()
    server.start()
    with pytest.raises(ProtocolError, match="LABEL does not hold what its shape says"):
        connect(server).classify(b"x")


def test_answer_to_another_request(server: KServe, connect: Any) -> None:
    server.answer_as = "someone-else"
    with pytest.raises(ProtocolError, match="belongs to request 'someone-else'"):
        connect(server).classify(b"x")


def test_health(server: KServe, connect: Any) -> None:
    health = connect(server).call("health")
    assert health.ok
    assert (health.live, health.ready, health.model_ready) == (True, True, True)
    assert health.model_versions == ("1",)
    assert (health.server.name, health.server.version) == ("triton", "2.51.0")
    assert connect(server).call("server_metadata") == health.server


def test_health_of_a_server_with_another_model(server: KServe, connect: Any) -> None:
    health = connect(server, model="other").call("health")
    assert not health.ok
    assert health.live
    assert "does not serve the model 'other'" in health.problems[0]


def test_health_holds_the_model_against_the_contract(server: KServe, connect: Any) -> None:
    tensor = server.outputs["HEATMAP"]
    server.outputs["HEATMAP"] = tensor._replace(shape=(14, 14))
    del server.outputs["OOD_SCORE"]
    server.outputs["MORE"] = tensor
    health = connect(server).call("health")
    assert not health.ok
    assert health.problems == (
        "output OOD_SCORE is missing",
        "output HEATMAP is FP32 [-1, 14, 14], expected FP32 [-1, 7, 7]",
    )


def test_health_of_nobody(server: KServe, connect: Any) -> None:
    server.stop()
    with pytest.raises(ServerUnavailableError):
        connect(server).call("health")
