from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker in this process, for what is not about Ray."""
    from allclient.bulk import engine
    from allclient.bulk.worker import Worker

    def classify(plan: Any, left: Any, asking: Any, **options: Any) -> Any:
        options["begun"](1)
        worker = Worker(plan.place.url, asking)
        for part in left.parts:
            yield worker({"part": part})

    monkeypatch.setattr(engine, "classify", classify)
