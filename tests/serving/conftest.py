"""One real Triton for all serving tests."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allclient.contract import BACKBONES
from allclient.local import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where NVIDIA builds no tritonserver; anything else that is missing is a failure."""
    machine = (platform.system(), platform.machine())
    if machine != ("Linux", "x86_64"):
        reason = f"no tritonserver wheel for {' on '.join(machine)}"
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """The checkout's model repository, served."""
    with LocalServer(ROOT / "model_repository") as server:
        yield server


@pytest.fixture(scope="session")
def open_server() -> Iterator[LocalServer]:
    """The same with HTTP and metrics, for tests of what comes in there."""
    with LocalServer(ROOT / "model_repository", http_port=0, metrics_port=0) as server:
        yield server


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the SavedModel and the ONNX file of each master."""
    pytest.importorskip("keras", reason="the masters are exported by Keras, of the extra 'convert'")
    from convert import savedmodel
    from convert.onnx import make_onnx
    from convert.repository import writer
    from convert.repository.flavours import FLAVOURS

    folder = tmp_path_factory.mktemp("flavours")
    for backbone in BACKBONES:
        path = ROOT / "training" / "masters" / f"{backbone.value}.keras"
        if not path.is_file():
            pytest.skip(f"{path.relative_to(ROOT)} is not there")
        built = folder / "built" / backbone.value
        savedmodel.make(path, built / FLAVOURS["savedmodel"].built)
        make_onnx.make(path, built / FLAVOURS["gpu_onnx"].built, "fp32", None, None, str)
    chosen = [FLAVOURS["savedmodel"], FLAVOURS["gpu_onnx"]]
    writer.write(folder / "models", chosen, folder / "built")
    return folder / "models"
