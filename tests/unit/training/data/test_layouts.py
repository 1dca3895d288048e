from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from allclient.contract import Label, Subtype
from training.data import layouts, samples
from training.data.sample import DatasetError, counts


def test_kaggle_folders_are_known(folders: Path) -> None:
    found = layouts.find(folders)
    assert found.layout == "kaggle"
    assert counts(found.samples) == dict.fromkeys((s.value for s in Subtype), 6)
    assert {layouts.written(folders, sample) for sample in found.samples} == set(layouts.KAGGLE)


def test_folders_of_our_classes_are_known(smears: Path) -> None:
    (smears / "pre_b").mkdir()
    shutil.move(smears / "pro_b" / "7-a.jpg", smears / "pre_b")
    found = layouts.find(smears)
    assert found.layout == "classes"
    assert counts(found.samples) == {"benign": 6, "early_pre_b": 0, "pre_b": 1, "pro_b": 4}
    assert found.passed_over == {}


def test_malignant_of_unknown_stage_is_no_class_of_four(smears: Path) -> None:
    (smears / "pro_b").rename(smears / "malignant")
    found = layouts.find(smears)
    assert counts(found.samples)["malignant"] == 5
    last = found.samples[-1]
    assert (last.subtype, last.label, last.named) == (None, Label.MALIGNANT, "malignant")
    with pytest.raises(DatasetError, match=r"1-a\.jpg is malignant of unknown stage"):
        samples.targets(found.samples)


def test_cnmc_names_tell_classes_and_patients(cnmc: Path) -> None:
    found = layouts.find(cnmc)
    assert found.layout == "cnmc"
    assert counts(found.samples)["benign"] == counts(found.samples)["malignant"] == 6
    assert {s.patient for s in found.samples if s.label is Label.BENIGN} == {"H1", "H2", "H3"}
    assert {s.patient for s in found.samples if s.label is Label.MALIGNANT} == {"1", "2", "3"}
    assert found.samples[0].group == "1_4"


@pytest.mark.parametrize("name", ["cell.bmp", "UID_H1_4_9_hem.bmp", "UID_1_4_all.bmp"])
def test_a_cnmc_file_whose_patient_is_not_told_is_refused(cnmc: Path, name: str) -> None:
    (cnmc / "fold_0" / "all" / name).touch()
    with pytest.raises(DatasetError, match=rf"{name} is not named like UID_<patient>"):
        layouts.find(cnmc)


def test_an_unknown_layout_is_told_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    with pytest.raises(DatasetError, match=r"Kaggle.*one folder for each class.*C-NMC 2019"):
        layouts.find(tmp_path)


def test_a_folder_above_the_data_is_told_where_they_are(folders: Path, tmp_path: Path) -> None:
    above = tmp_path / "download"
    above.mkdir()
    shutil.copytree(folders / "Pro", above / "Original" / "Pro")
    with pytest.raises(DatasetError, match=r"Original has them, give that folder"):
        layouts.find(above)


def test_class_folders_without_images_are_empty(tmp_path: Path) -> None:
    (tmp_path / "Benign").mkdir()
    (tmp_path / "Benign" / ".hidden.jpg").touch()
    (tmp_path / "Benign" / "notes.txt").touch()
    with pytest.raises(DatasetError, match="no images in them"):
        layouts.find(tmp_path)


def test_two_layouts_at_once_are_refused(folders: Path) -> None:
    (folders / "malignant").mkdir()
    with pytest.raises(DatasetError, match="mixes folder names of the layouts kaggle and classes"):
        layouts.find(folders)


def test_other_folders_with_images_are_counted(folders: Path) -> None:
    shutil.copytree(folders / "Pro", folders / "Late")
    found = layouts.find(folders)
    assert len(found.samples) == 24
    assert found.passed_over == {"Late": 6}
