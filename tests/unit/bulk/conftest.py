from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.client.kserve import KServe

pytest.importorskip("pyarrow", reason="pyarrow is in the extra 'bulk'")


@pytest.fixture
def server() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., list[str]]:
    """Files by name with their content; the paths."""

    def files(**contents: str) -> list[str]:
        paths = []
        for name, content in contents.items():
            path = tmp_path / "in" / name.replace("__", "/")
            path = path.with_suffix(".jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
            paths.append(str(path))
        return paths

    return files
