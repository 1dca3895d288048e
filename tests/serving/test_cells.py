"""CELLS from a real Triton: only where it is asked for, and the same from both models."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image

from allclient.contract import ANSWER, CASCADE, CELL_FEATURES, CELL_FIELDS, ENSEMBLE
from samples import render
from tests.waiting import until
from toolkit import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

REFERENCE = Path(__file__).parents[1] / "reference"
TEMPERATURE = served.temperature()


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    """Fields with leukocytes, and the last two with none."""
    blank = io.BytesIO()
    Image.new("RGB", (320, 240), (240, 236, 241)).save(blank, "PNG")
    fields = [render.encode(one.image) for one in render.images(count=5, seed=11)]
    return [*fields, blank.getvalue(), blank.getvalue()]


@pytest.fixture(scope="module")
def client(server: LocalServer) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(server.grpc_address)
    yield client
    client.close()


def ask(
    client: triton.InferenceServerClient, model: str, batch: list[bytes], *names: str
) -> triton.InferResult:
    image = triton.InferInput("IMAGE", [len(batch), 1], "BYTES")
    image.set_data_from_numpy(np.array(batch, dtype=object).reshape(-1, 1))
    return client.infer(model, [image], outputs=[triton.InferRequestedOutput(n) for n in names])


def look(
    client: triton.InferenceServerClient, backbone: str, pixels: np.ndarray
) -> dict[str, np.ndarray]:
    tensor = triton.InferInput("PIXELS", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels)
    answer = client.infer(backbone, [tensor])
    return {name: answer.as_numpy(name) for name in ("LOGITS", "CAM")}


def runs(client: triton.InferenceServerClient, model: str) -> int:
    (one,) = client.get_inference_statistics(model).model_stats
    return int(one.inference_count)


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_who_does_not_ask_for_cells_pays_nothing(
    client: triton.InferenceServerClient, images: list[bytes], model: str
) -> None:
    before = runs(client, "cells")
    answer = ask(client, model, images[:2], *ANSWER)
    assert answer.as_numpy("CELLS") is None
    answer = ask(client, model, images[:5], *ANSWER, "CELLS")
    assert answer.as_numpy("CELLS").shape[::2] == (5, len(CELL_FIELDS))
    # Triton counts a step after its answer is on the way.
    until(lambda: runs(client, "cells") >= before + 5, "a count of the cells")
    assert runs(client, "cells") == before + 5


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
@pytest.mark.parametrize("names", [("CELLS",), ("CELLS", "VOTES")])
def test_a_batch_is_ended_by_rows_of_zeros(
    client: triton.InferenceServerClient, images: list[bytes], model: str, names: tuple[str, ...]
) -> None:
    alone = [ask(client, model, [image], *names).as_numpy("CELLS")[0] for image in images]
    assert [len(cells) for cells in alone[-2:]] == [0, 0]
    assert len({len(cells) for cells in alone}) > 2
    together = ask(client, model, images, *names).as_numpy("CELLS")
    assert together.shape == (len(images), max(map(len, alone)), len(CELL_FIELDS))
    for cells, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(cells[: len(expected)], expected, atol=1e-4)
        assert not cells[len(expected) :].any()
    none = ask(client, model, images[-2:], *names).as_numpy("CELLS")
    assert none.shape == (2, 0, len(CELL_FIELDS))


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_cells_are_those_of_the_backbones_that_ran(
    client: triton.InferenceServerClient, images: list[bytes], model: str
) -> None:
    for image in images[:5]:
        answer = ask(client, model, [image], "CELLS", "VOTES")
        names = served.smear_leukocytes.BACKBONES
        votes = [vote.decode() for vote in answer.as_numpy("VOTES")[0]]
        ran = [name for name, vote in zip(names, votes, strict=True) if vote != "not_run"]
        field = served.pixels.decode(image)
        cams = {name: look(client, name, field.pixels[None])["CAM"][0] for name in ran}
        expected = served.smear_leukocytes.rows(
            field.pixels, np.packbits(field.nuclei), cams, TEMPERATURE
        )
        np.testing.assert_allclose(answer.as_numpy("CELLS")[0], expected, atol=1e-4)


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_features_are_those_of_the_cells_and_only_for_who_asks(
    client: triton.InferenceServerClient, images: list[bytes], model: str
) -> None:
    before = runs(client, "cells")
    answer = ask(client, model, images, "LABEL", "CELLS", "FEATURES")
    cells, features = answer.as_numpy("CELLS"), answer.as_numpy("FEATURES")
    assert features.shape == (*cells.shape[:2], *CELL_FEATURES.shape[1:])
    until(lambda: runs(client, "cells") >= before + 2 * len(images), "a count of the cells")
    network = served.smear_features.Features(served.MODEL_REPOSITORY / "cells/1/features.onnx")
    for image, rows, of_field in zip(images, cells, features, strict=True):
        field = served.pixels.decode(image)
        expected = network.rows(field.pixels, np.packbits(field.nuclei))
        assert len(expected) == np.count_nonzero(rows[:, 2])
        np.testing.assert_allclose(of_field[: len(expected)], expected, atol=1e-3)
        assert not of_field[len(expected) :].any()
    before = runs(client, "cells")
    alone = ask(client, model, images[:1], "FEATURES").as_numpy("FEATURES")
    np.testing.assert_allclose(alone[0], features[0][: alone.shape[1]], atol=1e-3)
    until(lambda: runs(client, "cells") >= before + 1, "a count of the cells")
    assert runs(client, "cells") == before + 1


@pytest.mark.parametrize("backbone", served.smear_leukocytes.BACKBONES)
def test_the_mean_of_the_cells_is_the_field(
    client: triton.InferenceServerClient, backbone: str
) -> None:
    """Exactly that of the map; OpenVINO adds LOGITS up in 32 bits (docs/cells.md)."""
    drawn = [render.encode(one.image) for one in render.images(count=24, seed=7)]
    files = [*drawn, *(path.read_bytes() for path in sorted(REFERENCE.glob("*.jpg")))]
    fields = [served.pixels.decode(file) for file in files]
    said = look(client, backbone, np.stack([field.pixels for field in fields]))
    held = 0
    for field, logits, cam in zip(fields, said["LOGITS"], said["CAM"], strict=True):
        boxes, owner = served.smear_part.part(field.nuclei)
        if not len(boxes):
            continue
        shown = served.smear_evidence.seen(field.pixels)
        cells = served.smear_evidence.of_cells(cam, owner, shown, len(boxes))
        positions = cam.reshape(-1, 4).astype(np.float64)
        mean = cells.areas @ cells.logits
        np.testing.assert_allclose(mean, positions.mean(axis=0), atol=1e-9)
        # No order in which the positions are added up in 32 bits is further off.
        bound = len(positions) * 2.0**-24 * np.abs(positions).mean(axis=0)
        assert (np.abs(mean - logits) <= np.minimum(bound, 5e-5)).all()
        held += 1
    assert held >= 24
