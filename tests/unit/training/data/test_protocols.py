from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from training.data import protocols
from training.data.samples import DatasetError, Sample

SLIDES = {
    # slide: (class, groups of ten images, part of each group)
    "Benign-S01": ("Benign", ["train"] * 8 + ["val"] * 2 + ["test"] * 2),
    "Benign-S02": ("Benign", ["train"] * 10 + ["test"]),
    "Early-S01": ("Early", ["train"] * 9 + ["val", "test"]),
    "Early-S02": ("Early", ["train"] * 3 + ["val", "test"]),
    "Pre-S01": ("Pre", ["train"] * 40 + ["val", "test"]),
    "Pre-S02": ("Pre", ["train"] * 10 + ["val"]),
    "Pro-S01": ("Pro", ["train"] * 12 + ["val", "test"]),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Split of seven slides; the files are empty, since no protocol opens them."""
    rows = []
    for slide, (name, parts) in SLIDES.items():
        (tmp_path / name).mkdir(exist_ok=True)
        for number, part in enumerate(parts):
            for index in range(10):
                path = f"{name}/{slide}-{number:02}-{index}.jpg"
                (tmp_path / path).touch()
                rows.append(
                    {
                        "path": path,
                        "class": name,
                        "slide": slide,
                        "group": f"{slide}-G{number:02}",
                        "split": part,
                        "guard": str(int(part == "train" and number == 0 and index < 3)),
                    }
                )
    with (tmp_path / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def sizes(fold: protocols.Fold) -> dict[str, int]:
    return {part: len(samples) for part, samples in fold.parts.items()}


def slides(samples: list[Sample]) -> set[str]:
    return {sample.slide for sample in samples}


def test_known_follows_the_columns_without_guard_images(root: Path) -> None:
    (fold,) = protocols.folds(root, "known")
    assert fold.name == "known"
    assert sizes(fold) == {"train": 920 - 21, "val": 70, "test": 70}
    assert not any(sample.guard for sample in fold.parts["train"])


def test_random_takes_every_image_and_keeps_the_shares_of_the_classes(root: Path) -> None:
    (fold,) = protocols.folds(root, "random", seed=3)
    assert sizes(fold) == {"train": 720, "val": 128, "test": 212}
    for part, share in (("val", 0.12), ("test", 0.20)):
        found = Counter(sample.path.parent.name for sample in fold.parts[part])
        assert found == {
            "Benign": round(230 * share),
            "Early": round(160 * share),
            "Pre": round(530 * share),
            "Pro": round(140 * share),
        }
    assert any(sample.guard for sample in fold.parts["train"])
    assert (fold,) == tuple(protocols.folds(root, "random", seed=3))
    assert (fold,) != tuple(protocols.folds(root, "random", seed=4))


def test_random_needs_no_split(folders: Path) -> None:
    (fold,) = protocols.folds(folders, "random")
    assert sizes(fold) == {"train": 16, "val": 4, "test": 4}


def test_slides_are_left_out_where_enough_of_their_class_remains(root: Path) -> None:
    # Early-S02 is too small, and without Pre-S01 or Pro-S01 too little of the class is left.
    names = [fold.name for fold in protocols.folds(root, "slides")]
    assert names == ["Benign-S01", "Benign-S02", "Early-S01", "Pre-S02"]


def test_a_slides_fold_tests_the_whole_slide_and_nothing_else(root: Path) -> None:
    for fold in protocols.folds(root, "slides"):
        train, val, test = (fold.parts[part] for part in ("train", "val", "test"))
        assert slides(test) == {fold.name}
        assert fold.name not in slides(train) | slides(val)
        assert len(test) == 10 * len(SLIDES[fold.name][1])
        assert not {s.group for s in train} & {s.group for s in val}
        assert len({s.target for s in val}) == 4
        assert not any(s.guard for s in train)
        assert any(s.part == "test" for s in train)


def test_a_class_that_lost_its_validation_gets_whole_groups_of_training(root: Path) -> None:
    fold = protocols.folds(root, "slides", left_out=["Benign-S01"])[0]
    moved = [s for s in fold.parts["val"] if s.slide == "Benign-S02"]
    assert len({s.group for s in moved}) == 2  # the least that reaches 15% of 107 images
    assert {s.part for s in fold.parts["val"]} >= {"val"}
    assert not {s.group for s in moved} & {s.group for s in fold.parts["train"]}


def test_slides_can_be_left_out_together(root: Path) -> None:
    (fold,) = protocols.folds(root, "slides", left_out=["Benign-S02+Early-S01"])
    assert fold.name == "Benign-S02+Early-S01"
    assert slides(fold.parts["test"]) == {"Benign-S02", "Early-S01"}
    assert not slides(fold.parts["train"]) & {"Benign-S02", "Early-S01"}


def test_relatives_on_another_slide_are_not_learned_from(root: Path) -> None:
    listing = root / "split.csv"
    listing.write_text(listing.read_text().replace("Early-S02-G00", "Benign-S02-G00"))
    (fold,) = protocols.folds(root, "slides", left_out=["Benign-S02"])
    groups = {s.group for s in fold.parts["train"] + fold.parts["val"]}
    assert "Benign-S02-G00" not in groups


@pytest.mark.parametrize(
    ("protocol", "left_out", "message"),
    [
        ("patients", None, "there are known, random, slides"),
        ("known", ["Pre-S01"], "only by the protocol 'slides'"),
        ("slides", ["Pre-S09"], "no slide Pre-S09; the slides are: Benign-S01"),
        ("slides", ["Pro-S01"], "without Pro-S01 too little of pro_b"),
    ],
)
def test_what_cannot_be_done_is_said(
    root: Path, protocol: str, left_out: list[str] | None, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        protocols.folds(root, protocol, left_out=left_out)


def test_known_and_slides_need_a_split(folders: Path) -> None:
    for protocol in ("known", "slides"):
        with pytest.raises(DatasetError, match="python -m training split"):
            protocols.folds(folders, protocol)


def test_slides_need_names(split: Path) -> None:
    with pytest.raises(DatasetError, match="no slide can be left out"):
        protocols.folds(split, "slides")  # one slide a class


def test_folds_say_what_they_keep_apart(root: Path) -> None:
    assert [protocols.folds(root, protocol)[0].level for protocol in protocols.PROTOCOLS] == [
        "group",
        "image",
        "slide",
    ]


def test_nothing_is_trained_on_images_without_a_stage(cnmc: Path) -> None:
    with pytest.raises(DatasetError, match="6 malignant images of unknown stage, so four classes"):
        protocols.folds(cnmc, "random")
