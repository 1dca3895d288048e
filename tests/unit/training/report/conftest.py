from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.report import drawn

SLIDES = {"Benign-S01": (0, 9), "Benign-<b>&|S02": (0, 9), "Early-S01": (1, 12), "Pre-S01": (2, 9)}


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Predictions without the protocol "random", and a policy."""
    folder = tmp_path_factory.mktemp("stored")
    meta = {"data": "<script>alert(1)</script>"}
    drawn.protocol(folder / "predictions", "known", SLIDES, changes=drawn.CHANGES, meta=meta)
    drawn.protocol(folder / "predictions", "slides", SLIDES, skill=2.5, leave_out=True)
    drawn.protocol(folder / "predictions", "outside-healthy-other-labs", {"": (0, 12)}, skill=1)
    served = drawn.policy(folder / "policy.json")
    drawn.judges(folder / "predictions", served)
    return folder / "predictions", served


@pytest.fixture(scope="session")
def computed(stored: tuple[Path, Path]) -> dict[str, Any]:
    from training.evaluation import figures

    return figures.compute(*stored)


@pytest.fixture
def figures(computed: dict[str, Any]) -> dict[str, Any]:
    """A copy that a test may change."""
    return copy.deepcopy(computed)
