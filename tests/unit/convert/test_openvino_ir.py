"""A tiny network through OpenVINO, in floating point and in INT8."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

ov = pytest.importorskip("openvino", reason="conversion needs the extra 'convert'")
pytest.importorskip("nncf", reason="quantisation needs the extra 'convert'")

from openvino import opset13 as ops

from convert import images, master
from convert.cli import main
from convert.images import DRAWN
from convert.openvino import openvino_head, openvino_ir
from convert.quantise import refit


@pytest.fixture(scope="module")
def graph(master_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("savedmodel")
    master.export(master.load(master_file), folder)
    return openvino_ir.read(folder, 224)


def test_names_types_and_shapes_are_the_contract(graph: Any) -> None:
    assert graph.input(0).get_names() == {"PIXELS"}
    assert graph.input(0).element_type == ov.Type.u8
    assert str(graph.input("PIXELS").partial_shape) == "[?,224,224,3]"
    assert str(graph.output("LOGITS").partial_shape) == "[?,4]"
    assert str(graph.output("CAM").partial_shape) == "[?,8,8,4]"


def test_the_graph_answers_as_keras_at_every_batch_size(
    net: Any, graph: Any, noise: np.ndarray
) -> None:
    for count in (1, 5):
        expected = net.predict_on_batch(noise[:count])
        found = openvino_ir.answers(graph, noise[:count])
        for name in ("LOGITS", "CAM"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-3)


def test_what_really_ran_is_read_from_the_compiled_model(graph: Any) -> None:
    counts = openvino_ir.computed_in(openvino_ir.compiled(graph, "f32"))
    assert counts.get("f32", 0) >= 3, counts
    assert "bf16" not in counts


def test_the_head_is_found_and_replaced_in_both_outputs(graph: Any, noise: np.ndarray) -> None:
    old = openvino_head.head(graph)
    features = openvino_head.features(graph, noise)
    before = openvino_ir.answers(graph, noise)
    np.testing.assert_allclose(old.logits(features), before["LOGITS"], atol=1e-4)
    changed = openvino_head.with_head(graph, refit.Head(old.kernel * 2, old.bias + 1))
    after = openvino_ir.answers(changed, noise)
    expected = 2 * (before["LOGITS"] - old.bias) + old.bias + 1
    np.testing.assert_allclose(after["LOGITS"], expected, atol=1e-3)
    np.testing.assert_allclose(after["CAM"].mean((1, 2)), after["LOGITS"], atol=1e-3)
    np.testing.assert_allclose(openvino_ir.answers(graph, noise)["LOGITS"], before["LOGITS"])


def test_the_head_comes_first_with_the_same_answers(
    tmp_path: Path, noise: np.ndarray, seen: Any
) -> None:
    """Maps of two depths, weighed, squared, averaged and joined as those of the masters are."""
    import keras

    from training.models import cells

    keras.utils.set_random_seed(2)
    pixels = keras.Input((224, 224, 3), dtype="uint8", name="PIXELS")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    fine = keras.layers.Conv2D(6, 4, 4, activation="relu")(scaled)
    coarse = keras.layers.Conv2D(10, 2, 2, activation="relu")(fine)
    maps = cells.described(pixels, [fine, coarse])
    head = keras.layers.Dense(4, bias_initializer="random_normal")
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(pixels, {"LOGITS": head(pooled), "CAM": head(maps)})
    master.export(model, tmp_path)
    graph = openvino_ir.read(tmp_path, 224)

    early = openvino_head.early(graph)

    fields = np.concatenate([noise[:3], seen.pixels[:3]])
    expected, found = openvino_ir.answers(graph, fields), openvino_ir.answers(early, fields)
    for name in ("LOGITS", "CAM"):
        largest = np.abs(expected[name]).max()
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5 * largest)
    assert {port.get_any_name() for port in early.outputs} == {"LOGITS", "CAM"}
    kinds = [op.get_type_name() for op in early.get_ops()]
    assert "MatMul" not in kinds
    assert "Concat" not in kinds
    with pytest.raises(refit.HeadError):
        openvino_head.early(early)


@pytest.mark.parametrize("sides", [(14, 14), (25, 25), (28, 28), (7, 12)])
def test_the_mean_keeps_its_digits_where_large_evidence_cancels(sides: tuple[int, int]) -> None:
    maps = np.random.default_rng(4).normal(0, 1000, (64, 4, *sides)).astype(np.float32)
    given = ops.parameter([-1, 4, *sides], np.float32)
    graph = ov.Model([openvino_head.mean(given).output(0)], [given], "mean")
    found = ov.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({0: maps})[0]
    expected = maps.mean((2, 3), dtype=np.float64)
    one_run = np.cumsum(maps.reshape(64, 4, -1), axis=2)[..., -1] / np.float32(np.prod(sides))
    assert np.abs(found - expected).max() < np.abs(one_run - expected).max() / 2


def test_only_what_convolutions_take_is_rounded(tmp_path: Path, graph: Any, seen: Any) -> None:
    rounded = openvino_ir.Quantiser(graph, seen.pixels[:8]).quantise((), correct=False)
    read_by = {
        target.get_node().get_type_name()
        for op in rounded.get_ops()
        if op.get_type_name() == "FakeQuantize"
        for target in op.output(0).get_target_inputs()
    }
    assert read_by <= {"Convolution", "GroupConvolution", "MaxPool", "Pad", "Transpose"}


def test_restoring_every_layer_gives_the_float_model(graph: Any, seen: Any) -> None:
    backend = openvino_ir.Quantiser(graph, seen.pixels[:8])
    rounded = backend.quantise((), correct=False)
    expected = backend.logits(graph, seen.pixels)
    assert np.abs(backend.logits(rounded, seen.pixels) - expected).max() > 1e-3
    whole = backend.restored(rounded, backend.layers())
    np.testing.assert_allclose(backend.logits(whole, seen.pixels), expected, atol=1e-4)


def test_command_writes_int8_ir_that_agrees_and_its_record(
    net: Any, master_file: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "1"
    arguments = ["openvino", str(master_file), "--data", str(data), "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "metadata.json").read_text())
    assert record["precision"].startswith("INT8")
    assert record["distance_from_keras"]["equal_argmax"] >= 0.99
    assert record["master"]["backbone"] == "tiny"
    assert record["calibration_images"] == {
        "part": "train, mirrored 4 ways",
        "count": 116,
        "source": data.name,
    }
    assert record["for_serving"] is True
    assert "FakeQuantize" in (out / "model.xml").read_text()
    val = images.decode(images.paths(data, "val"))
    expected = net.predict_on_batch(val)["LOGITS"]
    assert set(expected.argmax(1)) == {0, 1, 2, 3}, "classes to agree on"
    found = openvino_ir.answers(out / "model.xml", val)
    np.testing.assert_array_equal(found["LOGITS"].argmax(1), expected.argmax(1))
    np.testing.assert_allclose(found["CAM"].mean((1, 2)), found["LOGITS"], atol=1e-2)


def test_without_data_the_record_says_drawn_and_nothing_is_installed(
    master_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in images.DRAWN_COUNTS:
        monkeypatch.setitem(images.DRAWN_COUNTS, part, 20)
    out = tmp_path / "1"
    arguments = ["openvino", str(master_file), "--precision", "fp32", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "drawn" in result.output
    record = json.loads((out / "metadata.json").read_text())
    assert record["for_serving"] is False
    assert record["calibration_images"]["source"] == DRAWN
    assert record["held_back"] == []
    refused = CliRunner().invoke(main, ["openvino", str(master_file), "--install"])
    assert refused.exit_code == 2
    assert "--install needs --data" in refused.output


def test_half_precision_is_made_to_be_measured_and_not_to_be_served(
    master_file: Path, data: Path, tmp_path: Path
) -> None:
    wanted = ["--precision", "fp16", "--precision", "bf16"]
    arguments = [
        "openvino",
        str(master_file),
        "--data",
        str(data),
        "--into",
        str(tmp_path),
        *wanted,
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    for precision in ("fp16", "bf16"):
        folder = tmp_path / "tiny" / f"openvino_{precision}"
        record = json.loads((folder / "metadata.json").read_text())
        assert record["for_serving"] is False
        assert record["held_back"]
        ready = openvino_ir.compiled(folder / "model.xml", "f32" if precision == "fp16" else "bf16")
        assert record["computed_in"] == openvino_ir.computed_in(ready), "of the file as it lies"
    refused = CliRunner().invoke(main, [*arguments[:2], "--install", "--precision", "fp16"])
    assert refused.exit_code == 2
    assert "int8 or fp32" in refused.output


def test_a_file_that_is_no_master_is_refused(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "other.keras"
    path.write_bytes(b"no archive")
    arguments = ["openvino", str(path), "--data", str(data), "--out", str(tmp_path / "1")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "other.keras" in result.output
    assert "git checkout" in result.output
    assert not (tmp_path / "1").exists()


def test_a_model_with_other_outputs_is_refused(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="conversion needs the extra 'convert'")
    given = keras.Input((8,))
    keras.Model(given, keras.layers.Dense(4)(given)).save(tmp_path / "other.keras")
    with pytest.raises(master.MasterError, match="does not take PIXELS"):
        master.load(tmp_path / "other.keras")
