"""The model repository, held against the tensor contract."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from allclient import contract
from allclient.transport.question import Question

REPOSITORY = Path(__file__).parents[2] / "model_repository"
LABELS = [subtype.value for subtype in contract.SUBTYPES]


def read_config(path: Path) -> Any:
    return text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())


CONFIGS = {
    f"{path.parent.name if path.name == 'config.pbtxt' else path.parents[1].name}/{path.name}": path
    for path in [*REPOSITORY.glob("*/config.pbtxt"), *REPOSITORY.glob("*/configs/*.pbtxt")]
}


def tensors(entries: Any) -> dict[str, contract.Tensor]:
    names = {"TYPE_STRING": "BYTES"}
    return {
        entry.name: contract.Tensor(
            names.get(kind := model_config_pb2.DataType.Name(entry.data_type), kind[5:]),
            tuple(entry.dims),
        )
        for entry in entries
    }


def test_the_repository_holds_the_models_of_the_contract() -> None:
    assert {path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")} == set(contract.MODELS)


@pytest.mark.parametrize("name", CONFIGS)
def test_tensors_names_and_batch(name: str) -> None:
    model = name.split("/")[0]
    config = read_config(CONFIGS[name])
    assert config.name == model
    assert config.max_batch_size == contract.MAX_BATCH
    assert tensors(config.input) == contract.MODELS[model].inputs
    assert tensors(config.output) == contract.MODELS[model].outputs


@pytest.mark.parametrize("model", contract.MODELS)
def test_every_model_has_its_version_folder(model: str) -> None:
    assert (REPOSITORY / model / "1").is_dir()


@pytest.mark.parametrize("model", [backbone.value for backbone in contract.BACKBONES])
def test_backbones_batch_and_run_in_openvino(model: str) -> None:
    config = read_config(REPOSITORY / model / "config.pbtxt")
    assert config.backend == "openvino"
    assert config.HasField("dynamic_batching")


def test_preprocess_gets_one_file_at_a_time() -> None:
    """A batch of files of 15 MB took 600 MB in each of its processes."""
    assert not read_config(REPOSITORY / "preprocess" / "config.pbtxt").HasField("dynamic_batching")


def test_the_ensemble_connects_equal_tensors() -> None:
    config = read_config(REPOSITORY / contract.ENSEMBLE / "config.pbtxt")
    known = dict(contract.MODELS[contract.ENSEMBLE].inputs)
    steps = config.ensemble_scheduling.step
    others = {contract.ENSEMBLE, contract.CASCADE, contract.CLASSES}
    assert {step.model_name for step in steps} == set(contract.MODELS) - others
    for step in steps:
        outputs = contract.MODELS[step.model_name].outputs
        assert set(step.output_map) <= set(outputs)
        for tensor, name in step.output_map.items():
            assert name not in known, "every name is written once"
            known[name] = outputs[tensor]
    for step in steps:
        inputs = contract.MODELS[step.model_name].inputs
        needed = {"PIXELS", "NUCLEI"} if set(step.output_map) == {"FEATURES"} else set(inputs)
        assert set(step.input_map) == needed
        for tensor, name in step.input_map.items():
            assert known[name] == inputs[tensor]
    for name, tensor in contract.MODELS[contract.ENSEMBLE].outputs.items():
        assert known[name] == tensor


def test_the_classes_are_the_ensembles() -> None:
    whole, classes = (
        read_config(REPOSITORY / model / "config.pbtxt").ensemble_scheduling.step
        for model in (contract.ENSEMBLE, contract.CLASSES)
    )
    expected = [step for step in whole if step.model_name != "cells"]
    for step in expected:
        if step.model_name == "vote":
            for output in set(step.output_map) - {"PROBABILITIES"}:
                del step.output_map[output]
        elif step.model_name == "preprocess":
            del step.output_map["NUCLEI"]
            del step.output_map["UM_PER_PIXEL"]
    assert list(classes) == expected


def test_no_ensemble_has_an_ensemble_in_it() -> None:
    """It would die of a request whose sequence_id is a text."""
    configs = [read_config(path) for path in CONFIGS.values()]
    ensembles = {config.name for config in configs if config.platform == "ensemble"}
    assert ensembles == {contract.ENSEMBLE, contract.CLASSES}
    for config in configs:
        assert not ensembles & {step.model_name for step in config.ensemble_scheduling.step}


@pytest.mark.parametrize("model", [contract.ENSEMBLE, contract.CASCADE, contract.CLASSES, "vote"])
def test_probabilities_carry_the_class_names(model: str) -> None:
    config = read_config(REPOSITORY / model / "config.pbtxt")
    files = {output.name: output.label_filename for output in config.output}
    assert {name for name, file in files.items() if file} == {"PROBABILITIES"}
    labels = (REPOSITORY / model / files["PROBABILITIES"]).read_text("utf-8").splitlines()
    assert labels == LABELS


@pytest.fixture
def pure_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a pure module of the repository as Triton does: from its model's folder."""
    for folder in REPOSITORY.glob("*/1"):
        monkeypatch.syspath_prepend(folder)
    return importlib.import_module


def test_decoding_speaks_the_contract(pure_module: Callable[[str], ModuleType]) -> None:
    assert pure_module("pixels").SIDE == contract.SIDE
    assert pure_module("smear_quality").QUALITY_FIELDS == contract.QUALITY_FIELDS
    files = pure_module("smear_file")
    codes = {files.EMPTY, files.UNSUPPORTED, files.TRUNCATED, files.CORRUPT, files.TOO_LARGE}
    assert codes <= {code.value for code in contract.ImageErrorCode}
    for name in contract.IMAGE_FORMATS:
        assert name in files.ACCEPTED


def test_sizes_speak_the_contract(pure_module: Callable[[str], ModuleType]) -> None:
    scale = pure_module("smear_scale")
    assert scale.BELIEVABLE == contract.BELIEVABLE_UM_PER_PIXEL
    assert Question(um_per_pixel=1).arguments()["parameters"] == {scale.PARAMETER: "1.0"}


def test_majority_speaks_the_contract(pure_module: Callable[[str], ModuleType]) -> None:
    majority = pure_module("majority")
    assert list(majority.SUBTYPES) == LABELS
    assert tuple(backbone.value for backbone in contract.BACKBONES) == majority.BACKBONES
    assert majority.QUALITY_FIELDS == contract.QUALITY_FIELDS
    assert tuple(reason.value for reason in contract.ReviewReason) == majority.REVIEW_REASONS
    assert majority.NOT_RUN == contract.NOT_RUN
    heatmap = contract.MODELS[contract.ENSEMBLE].outputs["HEATMAP"]
    assert heatmap.shape == (majority.HEATMAP_SIDE,) * 2


def test_cells_speak_the_contract(pure_module: Callable[[str], ModuleType]) -> None:
    cells = pure_module("smear_leukocytes")
    assert cells.CELL_FIELDS == contract.CELL_FIELDS
    assert tuple(backbone.value for backbone in contract.BACKBONES) == cells.BACKBONES
    names = [f"probability_{label}" for label in LABELS]
    assert list(contract.CELL_FIELDS[4:8]) == names
    assert contract.NUCLEI_BYTES * 8 == contract.SIDE**2
    assert contract.CELL_FEATURES.shape == (-1, pure_module("smear_features").WIDTH)
    page = (REPOSITORY.parent / "docs" / "cells.md").read_text("utf-8")
    table = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert re.findall("`(.+?)`", "".join(table)) == list(contract.CELL_FIELDS)


def test_the_cascade_asks_every_backbone_and_the_others_take_them_optionally(
    pure_module: Callable[[str], ModuleType],
) -> None:
    cascade = pure_module("smear_cascade")
    config = read_config(REPOSITORY / contract.CASCADE / "config.pbtxt")
    order = cascade.parse_order(config.parameters["ORDER"].string_value)
    assert {backbone.value for backbone in contract.BACKBONES} == set(order)
    assert cascade.BACKBONES == pure_module("majority").BACKBONES
    needed = {"vote": {"QUALITY"}, "cells": {"PIXELS", "NUCLEI"}}
    for model, names in needed.items():
        config = read_config(REPOSITORY / model / "config.pbtxt")
        assert {tensor.name for tensor in config.input if not tensor.optional} == names
