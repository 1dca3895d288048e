"""A tiny network through the whole conversion."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

keras = pytest.importorskip("keras")
ov = pytest.importorskip("openvino")

from convert import images, master, openvino_ir  # noqa: E402
from convert.cli import main  # noqa: E402

NUCLEI = (0, 7, 14, 21)
"""How many a field of each class has: the backbones see nuclei alone, so classes differ by them."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Painted fields whose classes lie far from each other, so that no rounding changes one."""
    root = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    rows = ["path,class,split,guard"]
    for index in range(24):
        name = f"{index % 4}-{index:02}.png"
        field(NUCLEI[index % 4], draw).save(root / name)
        rows.append(f"{name},Pro,{'val' if index % 3 == 0 else 'train'},0")
    (root / "split.csv").write_text("\n".join(rows))
    return root


def field(nuclei: int, draw: random.Random) -> Image.Image:
    image = Image.new("RGB", (224, 224), (240, 235, 240))
    pen = ImageDraw.Draw(image)
    places = [(x, y) for x in range(20, 180, 36) for y in range(20, 220, 36)]
    for number, (x, y) in enumerate(draw.sample(places, len(places))):
        radius, colour = (12, (110, 60, 190)) if number < nuclei else (8, (190, 180, 205))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


@pytest.fixture(scope="module")
def net(data: Path):
    """Random convolutions; the head tells which class of ``data`` lies nearest to what they see."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((224, 224, 3), dtype="uint8", name="PIXELS")
    maps = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    for filters in (8, 16):
        maps = keras.layers.Conv2D(filters, 5, 5, use_bias=False)(maps)
        maps = keras.layers.ReLU()(keras.layers.BatchNormalization()(maps))
    head = keras.layers.Dense(4)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(pixels, {"LOGITS": head(pooled), "CAM": head(maps)})
    files = images.paths(data, "train")
    seen = keras.Model(pixels, pooled).predict_on_batch(images.decode(files))
    classes = np.array([int(file.name[0]) for file in files])
    centres = np.stack([seen[classes == one].mean(0) for one in range(4)])
    sizes = ((centres - seen.mean(0)) ** 2).sum(1)
    kernel = (centres - seen.mean(0)).T / sizes.max()
    head.set_weights([kernel, -sizes / (2 * sizes.max()) - seen.mean(0) @ kernel])
    return model


@pytest.fixture(scope="module")
def master_file(net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("master") / "tiny.keras"
    net.save(path)
    path.with_suffix(".json").write_text(json.dumps({"backbone": "tiny", "seed": 1, "more": 2}))
    return path


@pytest.fixture(scope="module")
def graph(master_file: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("savedmodel")
    master.export(master.load(master_file), folder)
    return openvino_ir.read(folder, 224)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)


def test_names_types_and_shapes_are_the_contract(graph) -> None:
    assert graph.input(0).get_names() == {"PIXELS"}
    assert graph.input(0).element_type == ov.Type.u8
    assert str(graph.input("PIXELS").partial_shape) == "[?,224,224,3]"
    assert str(graph.output("LOGITS").partial_shape) == "[?,4]"
    assert str(graph.output("CAM").partial_shape) == "[?,8,8,4]"


def test_the_graph_answers_as_keras_at_every_batch_size(net, graph) -> None:
    compiled = ov.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for count in (1, 5):
        expected = net.predict_on_batch(noise(count))
        found = compiled({"PIXELS": noise(count)})
        for name in ("LOGITS", "CAM"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4)


def test_command_writes_int8_ir_that_agrees_and_its_record(
    net, master_file: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("nncf")
    out = tmp_path / "1"
    arguments = ["openvino", str(master_file), "--data", str(data), "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "metadata.json").read_text())
    assert record["agreement_with_keras_on_val"] >= 0.99
    assert record["master"]["backbone"] == "tiny"
    assert record["calibration_images"] == {"part": "train", "count": 16}
    text = (out / "model.xml").read_text()
    assert "FakeQuantize" in text
    val = images.decode(images.paths(data, "val"))
    assert set(net.predict_on_batch(val)["LOGITS"].argmax(1)) == {0, 1, 2, 3}, "classes to agree on"
    compiled = ov.compile_model(out / "model.xml", "CPU")
    found = compiled({"PIXELS": val})
    np.testing.assert_allclose(found["CAM"].mean((1, 2)), found["LOGITS"], atol=1e-2)


def test_a_file_that_is_no_master_is_refused(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "other.keras"
    path.write_bytes(b"no archive")
    arguments = ["openvino", str(path), "--data", str(data), "--out", str(tmp_path / "1")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "other.keras" in result.output
    assert not (tmp_path / "1").exists()


def test_a_model_with_other_outputs_is_refused(tmp_path: Path) -> None:
    given = keras.Input((8,))
    keras.Model(given, keras.layers.Dense(4)(given)).save(tmp_path / "other.keras")
    with pytest.raises(master.MasterError, match="does not take PIXELS"):
        master.load(tmp_path / "other.keras")


def test_savedmodel_command(master_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.saved_model"
    result = CliRunner().invoke(main, ["savedmodel", str(master_file), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert (out / "saved_model.pb").is_file()
