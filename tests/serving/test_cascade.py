"""The cascade: the ensemble's label on every image, and the third backbone only on disagreement.

Voters made here, whose votes depend on how much of a field is dark, disagree where the test wants
them to, whatever the released weights say.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest
import tritonclient.grpc as triton
from google.protobuf import text_format
from openvino import opset13 as ops
from tritonclient.grpc import model_config_pb2

from allclient import Client
from allclient.contract import BACKBONES, CASCADE, CLASSES, ENSEMBLE, MODELS, NOT_RUN, Backbone
from allclient.local import LocalServer
from samples import render
from tests.waiting import until
from toolkit import served

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = ("mobilenet", "inception_v3", "xception")


def ask(address: str, model: str, images: list[bytes]) -> dict[str, np.ndarray]:
    image = triton.InferInput("IMAGE", [len(images), 1], "BYTES")
    image.set_data_from_numpy(np.array(images, dtype=object).reshape(-1, 1))
    with triton.InferenceServerClient(address) as client:
        answer = client.infer(model, [image])
    return {name: answer.as_numpy(name) for name in MODELS[model].outputs}


def images_seen(address: str, model: str) -> int:
    """How many images a model has answered since the server started."""
    with triton.InferenceServerClient(address) as client:
        (statistics,) = client.get_inference_statistics(model).model_stats
    return int(statistics.inference_count)


def benign(votes: np.ndarray, backbone: str) -> np.ndarray:
    return votes[:, BACKBONES.index(Backbone(backbone))] == b"benign"


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return render.encoded(count=24, seed=31) + render.encoded(count=8, seed=32, format="PNG")


def darkness(images: list[bytes]) -> np.ndarray:
    """The mean of what the backbones see of each image, by the repository's own code."""
    return np.array([served.pixels.decode(image).pixels.mean(dtype=np.float64) for image in images])


def voter(limit: float, side: int) -> ov.Model:
    """Benign above a mean brightness; which malignant subtype depends on how far below it is."""
    pixels = ops.parameter([-1, 224, 224, 3], np.uint8, name="PIXELS")
    mean = ops.reduce_mean(ops.convert(pixels, "f32"), [1, 2, 3], keep_dims=True)
    above = ops.subtract(mean, np.float32(limit))
    weights = np.array([9, -3, -3.5, 0], np.float32).reshape(1, 1, 1, 4)
    cam = ops.multiply(ops.multiply(above, weights), np.ones((1, side, side, 1), np.float32))
    logits = ops.reduce_mean(cam, [1, 2])
    model = ov.Model([ops.result(logits), ops.result(cam)], [pixels], "voter")
    model.input(0).tensor.set_names({"PIXELS"})
    for output, name in zip(model.outputs, ("LOGITS", "CAM"), strict=True):
        output.tensor.set_names({name})
    return model


@pytest.fixture(scope="module")
def made(images: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The repository with voters that agree on three quarters of the images, or nearly."""
    folder = tmp_path_factory.mktemp("cascade") / "models"
    shutil.copytree(served.MODEL_REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shares = {"mobilenet": 0.4, "inception_v3": 0.6, "xception": 0.5}
    for name, share in shares.items():
        path = folder / name
        config = text_format.Parse(
            (path / "config.pbtxt").read_text("utf-8"), model_config_pb2.ModelConfig()
        )
        (side,) = {output.dims[0] for output in config.output if output.name == "CAM"}
        shutil.rmtree(path / "1")
        (path / "1").mkdir()
        ov.save_model(
            voter(float(np.quantile(darkness(images), share)), side),
            path / "1" / "model.xml",
            compress_to_fp16=False,
        )
    with LocalServer(folder) as server:
        yield server


def hold_against_the_ensemble(address: str, images: list[bytes]) -> np.ndarray:
    """Asserts all that holds whatever the voters say; returns where the third was asked."""
    whole = ask(address, ENSEMBLE, images)
    before = images_seen(address, ORDER[2])
    short = ask(address, CASCADE, images)
    np.testing.assert_array_equal(short["LABEL"], whole["LABEL"])
    first, second = (benign(whole["VOTES"], name) for name in ORDER[:2])
    asked = short["VOTES"][:, BACKBONES.index(Backbone(ORDER[2]))] != NOT_RUN.encode()
    np.testing.assert_array_equal(asked, first != second)
    # Triton counts a step after its answer is on the way.
    split = before + int(np.count_nonzero(first != second))
    until(lambda: images_seen(address, ORDER[2]) >= split, "a count of the third backbone")
    # The server looks at itself now and then, which may count as one more.
    assert images_seen(address, ORDER[2]) - split in (0, 1)
    for name, values in whole.items():
        if values.dtype == np.object_:
            np.testing.assert_array_equal(short[name][asked], values[asked])
        else:
            np.testing.assert_allclose(short[name][asked], values[asked], atol=1e-4)
    return asked


def test_the_label_is_the_ensembles_and_the_third_is_asked_on_disagreement(
    made: LocalServer, images: list[bytes]
) -> None:
    asked = hold_against_the_ensemble(made.grpc_address, images)
    assert 0 < np.count_nonzero(asked) < len(images) / 2


def test_so_it_is_with_the_released_voters(server: LocalServer, images: list[bytes]) -> None:
    hold_against_the_ensemble(server.grpc_address, images)


def test_the_client_streams_through_the_cascade(made: LocalServer, images: list[bytes]) -> None:
    """A broken file fails alone, with its reason, among others that are in the same batch."""
    files: list[Any] = [*images, b"no image", images[0][:1000]]
    with (
        Client(made.grpc_address) as client,
        Client(made.grpc_address, model=CASCADE) as cascade,
    ):
        assert cascade.health().ok
        whole = list(client.classify_many(files))
        short = list(cascade.classify_many(files))
    for one, other in zip(short, whole, strict=True):
        if other.result is None:
            assert one.error is not None
            assert other.error is not None
            assert (one.error.code, str(one.error)) == (other.error.code, str(other.error))
        else:
            assert one.unwrap().label is other.result.label
            assert len(one.unwrap().votes) in (2, 3)
    assert [outcome.result is None for outcome in short[-2:]] == [True, True]


def test_a_wrong_order_does_not_load(tmp_path: Path) -> None:
    from allclient.errors import ServerStartError

    folder = tmp_path / "models"
    shutil.copytree(served.MODEL_REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = folder / CASCADE / "config.pbtxt"
    text = config.read_text()
    assert " ".join(ORDER) in text
    config.write_text(text.replace(" ".join(ORDER), "mobilenet xception"))
    server = LocalServer(folder)
    with pytest.raises(ServerStartError, match="must name mobilenet, xception, inception_v3 once"):
        server.start()
    assert server.log_path is not None
    server.log_path.unlink()


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_a_server_for_one_model_loads_what_that_asks(
    made: LocalServer, images: list[bytes], model: str
) -> None:
    with LocalServer(made.model_repository, model=model) as server:
        assert set(server.models()) == set(MODELS) - ({ENSEMBLE, CASCADE, CLASSES} - {model})
        with Client(server.grpc_address, model=model) as client:
            assert client.classify(images[0]).label in ("benign", "malignant")
