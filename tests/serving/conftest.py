"""One real Triton for all serving tests."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
