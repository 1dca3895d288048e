"""The voters' configurations come from one description, and Triton's schema takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from allclient.contract import BACKBONES, CAM_SIDES, MAX_BATCH, MODELS, SIDE, Backbone
from allclient.local import flavours as needs
from convert.repository import flavours, inspection
from convert.repository.flavours import DEFAULT, FLAVOURS
from toolkit import served

SIDES = {backbone: (side, side) for backbone, side in CAM_SIDES.items()}


def parse(text: str) -> Any:
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_the_committed_configurations_are_the_generated_ones() -> None:
    generated = flavours.configs(SIDES)
    assert len(generated) == len(FLAVOURS) * len(BACKBONES)
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, "mend it: python -m convert configs"


def test_no_voter_has_a_configuration_that_no_flavour_describes() -> None:
    known = set(flavours.configs(SIDES))
    for backbone in BACKBONES:
        folder = served.MODEL_REPOSITORY / backbone.value
        assert {folder / "config.pbtxt", *folder.glob("configs/*")} <= known


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_sizes_of_the_maps_are_those_of_the_served_model(backbone: Backbone) -> None:
    pytest.importorskip("openvino", reason="the IR is read with openvino, of the extra 'convert'")
    path = served.MODEL_REPOSITORY / backbone.value / "1" / FLAVOURS[DEFAULT].artifact
    assert inspection.cam_side(path) == SIDES[backbone], "mend it: python -m convert configs"


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", FLAVOURS)
def test_tritons_schema_takes_it_and_it_keeps_the_contract(name: str, backbone: Backbone) -> None:
    flavour, contract = FLAVOURS[name], MODELS[backbone.value]
    config = parse(flavours.config(flavour, backbone, SIDES[backbone]))
    assert (config.name, config.backend) == (backbone.value, flavour.backend)
    assert config.default_model_filename == flavour.artifact
    assert config.max_batch_size == MAX_BATCH
    assert config.HasField("dynamic_batching")
    (pixels,) = config.input
    assert (pixels.name, tuple(pixels.dims)) == ("PIXELS", (SIDE, SIDE, 3))
    assert pixels.data_type == model_config_pb2.TYPE_UINT8
    assert {output.name: tuple(output.dims) for output in config.output} == {
        name: tensor.shape for name, tensor in contract.outputs.items()
    }
    assert {output.data_type for output in config.output} == {model_config_pb2.TYPE_FP32}
    (instances,) = config.instance_group
    kinds = model_config_pb2.ModelInstanceGroup
    assert instances.kind == (kinds.KIND_GPU if flavour.gpu else kinds.KIND_CPU)


def test_gpu_flavours_warm_up_the_smallest_and_the_largest_batch() -> None:
    for flavour in FLAVOURS.values():
        config = parse(flavours.config(flavour, Backbone.XCEPTION, (3, 5)))
        batches = [warm_up.batch_size for warm_up in config.model_warmup]
        assert batches == ([1, MAX_BATCH] if flavour.gpu else [])
        for warm_up in config.model_warmup:
            assert tuple(warm_up.inputs["PIXELS"].dims) == (SIDE, SIDE, 3)


def test_gpu_onnx_asks_for_tensorrt_before_cuda() -> None:
    config = parse(flavours.config(FLAVOURS["gpu_onnx"], Backbone.MOBILENET, (3, 5)))
    accelerators = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert [one.name for one in accelerators] == ["tensorrt", "cuda"]
    assert accelerators[0].parameters["precision_mode"] == "FP32"
    assert accelerators[1].parameters["use_tf32"] == "0"


def test_a_gpu_flavour_can_be_put_on_the_cpu() -> None:
    text = flavours.config(FLAVOURS["gpu_onnx"], Backbone.MOBILENET, (3, 5), on_cpu=True)
    config = parse(text)
    assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_CPU
    assert max(warm_up.batch_size for warm_up in config.model_warmup) < MAX_BATCH


def test_the_client_names_the_same_commands_for_the_same_files() -> None:
    assert {flavour.artifact: flavour.command for flavour in FLAVOURS.values()} == needs._MAKERS


def test_each_flavour_has_a_configuration_file_where_triton_looks(tmp_path: Path) -> None:
    assert FLAVOURS[DEFAULT].config(tmp_path) == tmp_path / "config.pbtxt"
    assert FLAVOURS["gpu"].config(tmp_path) == tmp_path / "configs" / "gpu.pbtxt"
