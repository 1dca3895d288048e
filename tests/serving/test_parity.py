"""Golden parity: what Keras says about the same bytes, the served models say too.

``tests/reference/keras_answers.npz`` holds the Keras masters' LOGITS and CAM for the drawn images
beside it; ``python -m convert reference`` writes both. MobileNet's master is in the repository, so
its numbers are also computed afresh here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import tritonclient.grpc as triton

from allclient import Client
from allclient.contract import BACKBONES, SUBTYPES
from toolkit import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
pixels, majority = served.pixels, served.majority


class Tolerance(NamedTuple):
    """How far the probabilities of a served backbone may be from those of Keras."""

    largest: float
    mean: float
    clear: float
    """Where Keras's first class is ahead by more than this, the first class is the same."""


TOLERANCES = {
    # Probabilities move by the order in which sums are taken and no more.
    "FP32": Tolerance(1e-3, 1e-4, 0.01),
    # On drawn fields, which neither ranges nor heads have seen; of real ones see docs/parity.md.
    "INT8": Tolerance(0.15, 0.03, 0.25),
}


def tolerance(backbone: str) -> Tolerance:
    """By what the record beside the served model says that it is."""
    record = served.MODEL_REPOSITORY / backbone / "1" / "metadata.json"
    return TOLERANCES[json.loads(record.read_text())["precision"][:4]]


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted(REFERENCE.glob("*.jpg"))}
    assert len(found) >= 8
    return found


@pytest.fixture(scope="module")
def golden(images: dict[str, bytes]) -> dict[str, np.ndarray]:
    with np.load(REFERENCE / "keras_answers.npz") as archive:
        answers = dict(archive)
    assert answers["names"].tolist() == list(images)
    return answers


@pytest.fixture(scope="module")
def batch(images: dict[str, bytes]) -> np.ndarray:
    return np.stack([pixels.decode(data).pixels for data in images.values()])


@pytest.fixture(scope="module")
def raw_client(server: LocalServer) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(server.grpc_address)
    yield client
    client.close()


def margin(probabilities: np.ndarray) -> float:
    first, second = np.sort(probabilities)[::-1][:2]
    return float(first - second)


@pytest.mark.parametrize("backbone", [b.value for b in BACKBONES])
def test_each_served_backbone_answers_as_its_keras_model(
    raw_client: triton.InferenceServerClient,
    batch: np.ndarray,
    golden: dict[str, np.ndarray],
    backbone: str,
) -> None:
    tensor = triton.InferInput("PIXELS", list(batch.shape), "UINT8")
    tensor.set_data_from_numpy(batch)
    answer = raw_client.infer(backbone, [tensor])
    served, expected = (
        majority.softmax(answer.as_numpy("LOGITS")),
        majority.softmax(golden[f"{backbone}_logits"]),
    )
    allowed = tolerance(backbone)
    np.testing.assert_allclose(served, expected, rtol=0, atol=allowed.largest)
    assert np.abs(served - expected).mean() < allowed.mean
    for mine, theirs in zip(served, expected, strict=True):
        if margin(theirs) > allowed.clear:
            assert mine.argmax() == theirs.argmax()
    cam = answer.as_numpy("CAM")
    np.testing.assert_allclose(cam.mean(axis=(1, 2)), answer.as_numpy("LOGITS"), atol=1e-2)


def test_the_vote_answers_as_the_keras_models_would(
    server: LocalServer, images: dict[str, bytes], golden: dict[str, np.ndarray]
) -> None:
    policy = majority.Policy.load(served.POLICY)
    allowed = [tolerance(b.value) for b in BACKBONES]
    largest, clear = max(one.largest for one in allowed), max(one.clear for one in allowed)
    compared = 0
    with Client(server.grpc_address) as client:
        for row, data in enumerate(images.values()):
            logits = np.stack([golden[f"{b.value}_logits"][row] for b in BACKBONES])
            cams = [golden[f"{b.value}_cam"][row] for b in BACKBONES]
            expected = majority.decide(logits, cams, pixels.decode(data).quality, policy)
            result = client.classify(data)
            probabilities = [result.probabilities[subtype] for subtype in SUBTYPES]
            np.testing.assert_allclose(probabilities, expected.probabilities, atol=largest)
            if all(margin(majority.softmax(one)) > clear for one in logits):
                compared += 1
                assert result.label.value == expected.label
                assert result.subtype.value == expected.subtype
                assert tuple(vote.value for vote in result.votes.values()) == expected.votes
    assert compared >= 3, "words are compared where all three are sure"


def test_mobilenets_golden_answers_are_its_masters(
    batch: np.ndarray, golden: dict[str, np.ndarray]
) -> None:
    pytest.importorskip("keras", reason="the Keras master needs the extra 'train'")
    from training.models import masters

    model = masters.load(ROOT / "training" / "masters" / "mobilenet.keras")
    answer = model.predict_on_batch(batch)
    logits, cam = answer["LOGITS"], answer["CAM"]
    np.testing.assert_allclose(logits, golden["mobilenet_logits"], atol=1e-2)
    np.testing.assert_allclose(cam, golden["mobilenet_cam"], atol=2e-2)
    np.testing.assert_allclose(cam.mean(axis=(1, 2)), logits, atol=1e-3)
