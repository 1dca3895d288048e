"""What other KServe clients may do with the ensemble: batches, named classes, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tritonclient.grpc as triton

from allclient import Client
from allclient.contract import ENSEMBLE, SUBTYPES
from samples import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return render.encoded(count=8, seed=11)


@pytest.fixture(scope="module")
def raw_client(server: LocalServer) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(server.grpc_address)
    yield client
    client.close()


def ask(
    client: triton.InferenceServerClient, batch: list[bytes], *outputs: triton.InferRequestedOutput
) -> triton.InferResult:
    image = triton.InferInput("IMAGE", [len(batch), 1], "BYTES")
    image.set_data_from_numpy(np.array(batch, dtype=object).reshape(-1, 1))
    return client.infer(ENSEMBLE, [image], outputs=list(outputs) or None)


@pytest.mark.parametrize("size", [1, 2, 7, 32, 64])
def test_a_batch_gives_each_image_the_answer_it_gets_alone(
    raw_client: triton.InferenceServerClient, images: list[bytes], size: int
) -> None:
    alone = [ask(raw_client, [image]) for image in images]
    answer = ask(raw_client, [images[i % len(images)] for i in range(size)])
    for name in ("LABEL", "SUBTYPE", "VOTES", "REVIEW"):
        rows = answer.as_numpy(name)
        assert len(rows) == size
        for i, row in enumerate(rows):
            assert row.tolist() == alone[i % len(images)].as_numpy(name)[0].tolist()
    for name in ("PROBABILITIES", "BACKBONE_PROBABILITIES", "HEATMAP", "OOD_SCORE"):
        expected = [alone[i % len(images)].as_numpy(name)[0] for i in range(size)]
        np.testing.assert_allclose(answer.as_numpy(name), np.stack(expected), atol=1e-4)


def test_a_batch_over_the_limit_is_refused_with_the_limit(
    raw_client: triton.InferenceServerClient, images: list[bytes]
) -> None:
    with pytest.raises(triton.InferenceServerException, match="64"):
        ask(raw_client, images[:1] * 65)


def test_the_classification_extension_names_the_classes(
    raw_client: triton.InferenceServerClient, images: list[bytes]
) -> None:
    named = triton.InferRequestedOutput("PROBABILITIES", class_count=4)
    rows = ask(raw_client, images[:2], named).as_numpy("PROBABILITIES")
    numbers = ask(raw_client, images[:2]).as_numpy("PROBABILITIES")
    for row, probabilities in zip(rows, numbers, strict=True):
        seen = {}
        for entry in row:
            value, index, label = entry.decode().split(":")
            assert label == SUBTYPES[int(index)].value
            seen[label] = float(value)
        expected = dict(zip([s.value for s in SUBTYPES], probabilities.tolist(), strict=True))
        assert seen == pytest.approx(expected, abs=1e-5)


def test_several_clients_at_once_get_their_own_answers(
    server: LocalServer, images: list[bytes]
) -> None:
    with Client(server.grpc_address) as client:
        alone = [client.classify(image) for image in images]

    def one_client(offset: int) -> None:
        order = [(offset + i) % len(images) for i in range(24)]
        with Client(server.grpc_address) as client:
            outcomes = list(client.classify_many(images[i] for i in order))
        assert [outcome.error for outcome in outcomes] == [None] * len(order)
        for index, outcome in zip(order, outcomes, strict=True):
            assert outcome.result is not None
            assert outcome.result.label == alone[index].label
            assert outcome.result.votes == alone[index].votes

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one_client, range(6)))
