"""Pictures of several laboratories keep what is known of them, and what must not be learned."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from training.data import pictures
from training.data.sample import DatasetError

ROW = {
    "file": "delhi/a.png", "source": "delhi-cells", "laboratory": "delhi", "kind": "cell",
    "class": "ALL", "malignant": "1", "subject_group": "7", "use": "train",
}  # fmt: skip


def _listed(folder: Path, *rows: dict[str, str]) -> Path:
    for row in rows:
        path = folder / row["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with (folder / "labels.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, ROW.keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_table_of_sources_is_read(tmp_path: Path) -> None:
    root = _listed(tmp_path, ROW, {**ROW, "file": "delhi/b.png", "subject_group": ""})
    first, second = pictures.read(root)
    assert (first.source, first.laboratory, first.named) == ("delhi-cells", "delhi", "all")
    assert (first.malignant, first.group, first.single) == (True, "7", True)
    assert not first.evaluate_only
    assert second.group == "delhi/b.png"  # nobody knows whose it is, so it stands alone


def test_a_source_is_evaluate_only_by_the_table_or_by_its_name(tmp_path: Path) -> None:
    told = {**ROW, "use": "evaluate"}
    known = {**ROW, "file": "lisc/a.png", "source": "lisc", "use": "train"}
    assert all(each.evaluate_only for each in pictures.read(_listed(tmp_path, told, known)))


@pytest.mark.parametrize(
    ("named", "malignant", "allowed"),
    [
        ("ALL", "1", (False, True, False)),
        ("hem", "0", (True, False, False)),
        ("neutrophil", "0", (False, False, True)),
        ("wbc", "0", (True, False, True)),
        ("field", "", (True, True, True)),
    ],
)
def test_a_class_says_what_a_cell_can_be(
    tmp_path: Path, named: str, malignant: str, allowed: tuple[bool, bool, bool]
) -> None:
    root = _listed(tmp_path, {**ROW, "class": named, "malignant": malignant})
    assert pictures.read(root)[0].allowed == allowed


@pytest.mark.parametrize("column", ["malignant", "use"])
def test_a_value_that_means_nothing_is_refused(tmp_path: Path, column: str) -> None:
    root = _listed(tmp_path, {**ROW, column: "perhaps"})
    with pytest.raises(DatasetError, match="perhaps"):
        pictures.read(root)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = _listed(tmp_path, ROW)
    (root / ROW["file"]).unlink()
    with pytest.raises(DatasetError, match=r"delhi/a\.png"):
        pictures.read(root)


def test_a_split_folder_is_one_laboratory_and_its_slides_are_groups(split: Path) -> None:
    found = pictures.read(split)
    assert {each.source for each in found} == {split.name} == {e.laboratory for e in found}
    assert {each.group for each in found} == {"Benign-S01", "Early-S01", "Pre-S01", "Pro-S01"}
    assert sum(each.malignant is False for each in found) == 6
    assert sum(each.guard for each in found) == 4
    assert all(each.bar for each in found)
    assert found[0].allowed == (True, False, True)


def test_healthy_folders_are_evaluate_only(folders: Path) -> None:
    found = pictures.read_healthy(folders)
    assert len(found) == 24
    assert all(each.evaluate_only and each.malignant is False for each in found)


def test_evaluate_only_sources_are_refused_by_name() -> None:
    pictures.refuse_evaluate_only(["all-smears", "cnmc2019"])
    with pytest.raises(DatasetError, match="lisc, raabin-seg may be evaluated only"):
        pictures.refuse_evaluate_only(["all-smears", "raabin-seg", "lisc"])
