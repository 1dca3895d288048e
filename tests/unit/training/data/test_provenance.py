"""No release learned from a source that may be evaluated only: its records prove it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from toolkit import served
from training.data import pictures, provenance
from training.data.sample import DatasetError
from training.review import served_backbones

ROOT = Path(__file__).parents[4]
MASTERS = sorted((ROOT / "training" / "masters").glob("*.json"))
RECORDS = [*MASTERS, served.POLICY]
ARTIFACTS = [served.MODEL_REPOSITORY / path.stem / "1" / "metadata.json" for path in MASTERS]
REFERENCE = ROOT / "client" / "allclient" / "drift" / "reference.json"

RELEASED_ON = "all-smears"
IMAGES = {
    "train": "d2852b386074a78706f4f71095e82a7c6982f0c9a4d2fa534e385f5a07911aa2",
    "val": "be3a1154dc85a27aa1abb95bba5825c425c64a0ca9414e38cda9f73dfc2f88d4",
    "test": "f7530454c41efb7abb697471a98698544b1098cddee7abfdf46e31f2bbb1c00e",
}
"""``training.data.samples.digest`` of the parts of the public set: over names and contents of
1,762, 329 and 487 files, none of which is a file of an evaluate-only source."""


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_every_master_has_a_record() -> None:
    masters = {path.stem for path in (ROOT / "training" / "masters").glob("*.keras")}
    assert len(masters) == 3
    assert {path.stem for path in RECORDS} == masters | {"policy"}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_release_learned_from_nothing_that_may_be_evaluated_only(path: Path) -> None:
    """Masters, temperatures, thresholds and limits: the images themselves are known by hash."""
    provenance.check(_read(path), path.name, IMAGES.values())


def test_the_thresholds_were_chosen_on_slides_of_the_same_images() -> None:
    slides = set(_read(MASTERS[0])["data"]["parts"]["train"]["slides"])
    chosen_on = _read(served.POLICY)["fitted_on"]["thresholds"]["chosen_on"]
    assert len(chosen_on) > 1
    assert set(chosen_on) <= slides


def test_the_study_of_cells_learned_from_nothing_that_may_be_evaluated_only() -> None:
    study = _read(ROOT / "docs" / "evaluation" / "predictions" / "laboratories.json")
    provenance.check(study, "the study")
    evaluated = study["evaluated"]["pictures"]["size"]["laboratories"]
    assert set(evaluated) > pictures.EVALUATE_ONLY
    assert not pictures.EVALUATE_ONLY & {each["name"] for each in study["learned_from"]}


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.parents[1].name)
def test_a_served_backbone_is_its_master_and_was_rounded_on_the_same_images(path: Path) -> None:
    content = _read(path)
    master = ROOT / "training" / "masters" / content["master"]["file"]
    assert content["master"]["sha256"] == hashlib.sha256(master.read_bytes()).hexdigest()
    assert content["calibration_images"]["source"] == RELEASED_ON
    assert content["judged_on"]["source"] == RELEASED_ON


def test_the_drift_reference_is_of_the_same_images_and_of_what_is_served() -> None:
    about = _read(REFERENCE)["about"]
    assert about["data"] == RELEASED_ON
    assert about["sha256"] == IMAGES[about["part"]]
    assert about["networks"] == {
        f"{graph.parents[1].name}/{graph.name}": served_backbones.digest(graph)
        for graph in served_backbones.files(served.MODEL_REPOSITORY)
    }


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("source", sorted(pictures.EVALUATE_ONLY))
def test_a_record_that_names_one_anywhere_is_refused(path: Path, source: str) -> None:
    content = _read(path)
    (content.get("data") or content["fitted_on"])["more"] = [{"file": f"data/{source}/a.png"}]
    with pytest.raises(DatasetError, match=source):
        provenance.check(content, path.name)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_other_images_under_the_same_name_are_refused(path: Path) -> None:
    content = _read(path)
    part = content["data"]["parts"]["train"] if "data" in content else content["fitted_on"]
    part["sha256"] = "0" * 64
    provenance.check(content, path.name)  # the name alone says nothing
    with pytest.raises(DatasetError, match="0000: no known set of images"):
        provenance.check(content, path.name, IMAGES.values())


def test_what_was_only_evaluated_may_be_named() -> None:
    content = _read(RECORDS[0])
    provenance.check({**content, "evaluated": {"lisc": {"auroc": None}}}, "master")


def test_a_record_without_its_data_is_refused() -> None:
    content = _read(RECORDS[0])
    del content["data"]
    with pytest.raises(DatasetError, match="does not say what it learned from"):
        provenance.check(content, "master")
