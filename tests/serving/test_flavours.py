"""Every flavour that can run without a GPU answers as the others do, in the real server.

The three masters are exported as SavedModel and ONNX, `python -m convert repository` puts them
into a repository, and the embedded server serves them: `savedmodel` as it is, `gpu_onnx` with its
instances on the CPU, since that is all that a machine without a GPU can run. The table of
differences is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from allclient.contract import BACKBONES, CELL_FIELDS, ENSEMBLE, MODELS
from allclient.local import LocalServer
from convert.repository import writer
from convert.repository.flavours import FLAVOURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
OUTPUTS = tuple(MODELS[ENSEMBLE].outputs)
NUMBERS = tuple(name for name in OUTPUTS if MODELS[ENSEMBLE].outputs[name].datatype == "FP32")

SAME_NETWORK = 1e-3
"""Two programs that compute the same network in FP32 may differ so much in a probability; on one of
the drawn images OpenVINO and ONNX Runtime differed by 2e-4."""

CONVERTED = {"PROBABILITIES": 0.02, "BACKBONE_PROBABILITIES": 0.03, "OOD_SCORE": 1e-3}
"""And so much on average where one of them is INT8: drawn fields, which no range has seen."""

CLEAR = 0.20
"""Where each backbone's first class is ahead by so much, no rounding may change a word."""

Answers = dict[str, "NDArray[Any]"]


def ask(address: str) -> Answers:
    """Every output of the ensemble for the drawn images, [images, ...]."""
    files = np.array([[path.read_bytes()] for path in sorted(REFERENCE.glob("*.jpg"))], object)
    assert len(files) >= 8
    image = triton.InferInput("IMAGE", list(files.shape), "BYTES")
    image.set_data_from_numpy(files)
    with triton.InferenceServerClient(address) as client:
        answer = client.infer(ENSEMBLE, [image])
    return {name: answer.as_numpy(name) for name in OUTPUTS}


@pytest.fixture(scope="module")
def default(server: LocalServer) -> Answers:
    return ask(server.grpc_address)


@pytest.fixture(scope="module")
def savedmodel(written: Path) -> Answers:
    with LocalServer(written, "savedmodel") as server:
        return ask(server.grpc_address)


@pytest.fixture(scope="module")
def gpu_onnx(written: Path) -> Answers:
    pytest.importorskip("onnxruntime", reason="the backend runs ONNX Runtime, of the extra 'dev'")
    flavour = FLAVOURS["gpu_onnx"]
    with (
        writer.on_cpu(written, flavour) as copy,
        LocalServer(copy, flavour.name) as server,
    ):
        providers = server.providers()
        assert set(providers) == {backbone.value for backbone in BACKBONES}
        assert all(how.startswith("the CPU (CPUExecutionProvider") for how in providers.values())
        return ask(server.grpc_address)


@pytest.fixture(scope="module")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints past pytest's capture."""
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(f"\n{text}")

    return say


def compare(first: Answers, second: Answers) -> dict[str, dict[str, float]]:
    """Per output: largest and mean absolute difference, or the share of different words."""
    found = {}
    for name in OUTPUTS:
        one, other = first[name], second[name]
        if name in NUMBERS:
            difference = np.abs(one - other)
            found[name] = {"max": float(difference.max()), "mean": float(difference.mean())}
        else:
            found[name] = {"different": float((one != other).mean())}
    return found


def table(title: str, found: dict[str, dict[str, float]]) -> str:
    lines = [title, "| output | largest difference | mean difference | other words |"]
    lines.append("| --- | ---: | ---: | ---: |")
    for name, values in found.items():
        cells = [
            f"{values['max']:.2e}" if "max" in values else "",
            f"{values['mean']:.2e}" if "mean" in values else "",
            f"{values['different']:.1%}" if "different" in values else "",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_default_and_savedmodel_answer_alike(
    default: Answers, savedmodel: Answers, tell: Callable[[str], None]
) -> None:
    found = compare(default, savedmodel)
    tell(table(f"default against savedmodel, {len(default['LABEL'])} drawn images", found))
    for name, limit in CONVERTED.items():
        assert found[name]["mean"] <= limit, name
    ordered = np.sort(savedmodel["BACKBONE_PROBABILITIES"], axis=-1)
    clear = (ordered[..., -1] - ordered[..., -2] > CLEAR).all(axis=1)
    for name in ("LABEL", "SUBTYPE", "VOTES"):
        assert (default[name][clear] == savedmodel[name][clear]).all(), name
    assert_same_cells(default, savedmodel)


def assert_same_cells(first: Answers, second: Answers) -> None:
    """Boxes and areas do not depend on the networks."""
    for name in ("x", "y", "width", "height", "area_share"):
        at = CELL_FIELDS.index(name)
        np.testing.assert_array_equal(first["CELLS"][..., at], second["CELLS"][..., at])


def test_savedmodel_and_gpu_onnx_compute_the_same_network(
    savedmodel: Answers, gpu_onnx: Answers, tell: Callable[[str], None]
) -> None:
    found = compare(savedmodel, gpu_onnx)
    tell(
        table(
            f"savedmodel against gpu_onnx on the CPU, {len(gpu_onnx['LABEL'])} drawn images", found
        )
    )
    for name in ("PROBABILITIES", "BACKBONE_PROBABILITIES", "OOD_SCORE", "CELLS"):
        assert found[name]["max"] <= SAME_NETWORK, name
    for name in ("LABEL", "SUBTYPE", "VOTES", "REVIEW"):
        assert found[name]["different"] == 0.0, name
    assert_same_cells(savedmodel, gpu_onnx)
