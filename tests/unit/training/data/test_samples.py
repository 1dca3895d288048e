from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from allclient.contract import QUALITY_FIELDS, Subtype
from toolkit import served
from training.data import samples as dataset


def edit(root: Path, **change: str) -> None:
    """Change columns of the first row of split.csv."""
    table = pd.read_csv(root / "split.csv", dtype=str)
    for column, value in change.items():
        table.loc[0, column.rstrip("_")] = value
    table.to_csv(root / "split.csv", index=False)


def test_split_gives_parts_and_drops_guard_images_from_training_only(split: Path) -> None:
    edit(split, split="test", guard="1")
    data = dataset.read(split)
    assert {name: len(samples) for name, samples in data.parts.items()} == {
        "train": 7,
        "val": 4,
        "test": 9,
    }
    assert data.dropped == 4
    assert data.has_split


def test_samples_know_class_group_and_slide(split: Path) -> None:
    sample = dataset.read(split).part("val")[1]
    assert sample.subtype is Subtype.EARLY_PRE_B
    assert (sample.target, sample.group, sample.slide) == (1, "Early-G1", "Early-S01")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "Benign/none.jpg"}, "names Benign/none.jpg, which is not in"),
        ({"class_": "Late"}, "unknown classes: Late"),
        ({"split": "dev"}, "unknown split 'dev'"),
        ({"guard": "1.0"}, "guard '1.0', which is not 0 or 1"),
        ({"path": "Benign/Benign-1.jpg"}, "lists Benign/Benign-1.jpg more than once"),
    ],
)
def test_a_wrong_split_is_refused(split: Path, change: dict[str, str], message: str) -> None:
    edit(split, **change)
    with pytest.raises(dataset.DatasetError, match=message):
        dataset.read(split)


def test_a_split_without_guard_column_is_refused(split: Path) -> None:
    pd.read_csv(split / "split.csv").drop(columns="guard").to_csv(split / "split.csv", index=False)
    with pytest.raises(dataset.DatasetError, match="has no column guard"):
        dataset.read(split)


def test_a_split_without_rows_is_refused(split: Path) -> None:
    listing = split / "split.csv"
    listing.write_text(listing.read_text().splitlines()[0] + "\n")
    with pytest.raises(dataset.DatasetError, match="lists no image"):
        dataset.read(split)


def levelled(split: Path, **columns: object) -> str:
    table = pd.read_csv(split / "split.csv", dtype=str).assign(**columns)
    table.to_csv(split / "split.csv", index=False)
    return dataset.read(split).level


def test_the_level_of_a_split_follows_from_its_columns(split: Path) -> None:
    assert levelled(split) == "image"  # group 1 of each class stands in train and val
    assert levelled(split, group=lambda t: t["class"] + t["split"]) == "group"
    assert levelled(split, patient=lambda t: t["class"] + t["split"]) == "patient"
    assert levelled(split, level="group") == "group"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"level": "slide"}, "the column level holds slide"),
        ({"level": ["group"] * 23 + ["image"]}, "the column level holds group, image"),
        ({"level": "patient"}, "claims a split by patient, but Benign-0.jpg has no patient"),
        ({"level": "group"}, "by group, but group Benign-G1 stands in train and in val"),
        ({"level": "patient", "patient": "p1"}, "patient p1 stands in train and in val"),
    ],
)
def test_a_level_that_the_columns_contradict_is_refused(
    split: Path, columns: dict[str, object], message: str
) -> None:
    with pytest.raises(dataset.DatasetError, match=message):
        levelled(split, **columns)


def test_folders_without_split_are_one_part(folders: Path) -> None:
    data = dataset.read(folders)
    assert not data.has_split
    assert dataset.counts(data.part("all")) == dict.fromkeys((s.value for s in Subtype), 6)
    with pytest.raises(dataset.DatasetError, match=r"no split\.csv"):
        data.part("train")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(dataset.DatasetError, match="holds no images in folders named Benign"):
        dataset.read(tmp_path)


def test_decode_is_the_servers(split: Path) -> None:
    samples = dataset.read(split).part("val")
    pixels, quality = dataset.decode(samples)
    assert pixels.shape == (4, 224, 224, 3)
    assert quality.shape == (4, len(QUALITY_FIELDS))
    decoded = served.pixels.decode(samples[2].path.read_bytes())
    np.testing.assert_array_equal(pixels[2], decoded.pixels)
    np.testing.assert_array_equal(quality[2], decoded.quality)


def test_decode_names_the_file_that_cannot_be_read(split: Path) -> None:
    samples = dataset.read(split).part("val")
    samples[3].path.write_bytes(b"no image")
    with pytest.raises(dataset.DatasetError, match=samples[3].path.name):
        dataset.decode(samples)


def test_digest_follows_content_not_order(split: Path) -> None:
    samples = dataset.read(split).part("test")
    before = dataset.digest(samples, split)
    assert dataset.digest(samples[::-1], split) == before
    samples[0].path.write_bytes(b"other")
    assert dataset.digest(samples, split) != before
