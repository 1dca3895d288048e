"""Triton's Python backends, loaded without a server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from allclient.local import layout


class Tensor:
    """As the stub's: a name and an array."""

    def __init__(self, name: str, array: np.ndarray) -> None:
        self.tensor_name, self.array = name, array.copy()

    def as_numpy(self) -> np.ndarray:
        return self.array


class Request:
    def __init__(self, array: np.ndarray, wanted: tuple[str, ...] = ("SUM", "HALF")) -> None:
        self.tensor, self.wanted = Tensor("PIXELS", array), wanted

    def requested_output_names(self) -> tuple[str, ...]:
        return self.wanted


@pytest.fixture(scope="session")
def make_request() -> type[Request]:
    return Request


@pytest.fixture(scope="session")
def load_backend() -> Callable[[str], Any]:
    """Imports the ``model.py`` of a backend, with the utilities that the stub would bring."""

    def load(name: str) -> Any:
        utilities = ModuleType("triton_python_backend_utils")
        logged: list[str] = []
        members = {
            "Tensor": Tensor,
            "TritonError": lambda message: message,
            "get_input_tensor_by_name": lambda request, _name: request.tensor,
            "InferenceResponse": lambda tensors=(), error=None: SimpleNamespace(
                arrays={tensor.tensor_name: tensor.array for tensor in tensors}, error=error
            ),
            "triton_string_to_numpy": {"TYPE_UINT8": np.uint8}.__getitem__,
            "Logger": SimpleNamespace(log_info=logged.append),
            "logged": logged,
        }
        for key, member in members.items():
            setattr(utilities, key, member)
        backends = Path(layout.__file__).parent / "backends"
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "triton_python_backend_utils", utilities)
            shared = imported("triton_model", backends / "triton_model.py")
            patch.setitem(sys.modules, "triton_model", shared)
            return imported(f"{name}_backend", backends / name / "model.py")

    return load


def imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
