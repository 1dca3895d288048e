"""No release learned from a source that may be evaluated only: its records prove it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit import served
from training.data import pictures, provenance
from training.data.sample import DatasetError

ROOT = Path(__file__).parents[4]
RECORDS = [*sorted((ROOT / "training" / "masters").glob("*.json")), served.POLICY]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_every_master_has_a_record() -> None:
    masters = {path.stem for path in (ROOT / "training" / "masters").glob("*.keras")}
    assert len(masters) == 3
    assert {path.stem for path in RECORDS} == masters | {"policy"}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_release_learned_from_nothing_that_may_be_evaluated_only(path: Path) -> None:
    provenance.check(_read(path), path.name)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("source", sorted(pictures.EVALUATE_ONLY))
def test_a_record_that_names_one_anywhere_is_refused(path: Path, source: str) -> None:
    content = _read(path)
    (content.get("data") or content["fitted_on"])["more"] = [{"file": f"data/{source}/a.png"}]
    with pytest.raises(DatasetError, match=source):
        provenance.check(content, path.name)


def test_what_was_only_evaluated_may_be_named() -> None:
    content = _read(RECORDS[0])
    provenance.check({**content, "evaluated": {"lisc": {"auroc": None}}}, "master")


def test_a_record_without_its_data_is_refused() -> None:
    content = _read(RECORDS[0])
    del content["data"]
    with pytest.raises(DatasetError, match="does not say what it learned from"):
        provenance.check(content, "master")
