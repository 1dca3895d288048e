"""The whole fit, on drawn fields with a network whose answers are known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from allclient.contract import BACKBONES
from samples import field
from tests.unit.training.review.made import Answers
from toolkit import served
from training.cli import main
from training.data import protocols
from training.data import samples as dataset
from training.review import fit_policy, fold_policies, left_out, served_backbones

CLASSES = ("Benign", "Early", "Pre", "Pro")
STAINS = ("purple", "blue")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides a class, one in each stain; eight fields each."""
    folder = tmp_path_factory.mktemp("all-smears")
    rows = []
    for number, name in enumerate(CLASSES):
        for stain in STAINS:
            for index in range(8):
                rng = np.random.default_rng([number, index, len(stain)])
                kind = "blasts" if number else "hematogones"
                image = field.draw(rng, kind=kind, stain=stain, height=168, width=224)
                path = f"{name}/{stain}-{index}.jpg"
                (folder / name).mkdir(exist_ok=True)
                image.resize((224, 224), Image.Resampling.BILINEAR).save(folder / path)
                part = ("train", "train", "train", "train", "val", "val", "test", "test")[index]
                rows.append(
                    {
                        "path": path,
                        "class": name,
                        "slide": f"{name}-{stain}",
                        "group": f"{name}-{stain}-{index // 2}",
                        "split": part,
                        "guard": "0",
                    }
                )
    with (folder / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


def logits(targets: np.ndarray, seed: int, wrong: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(targets)) < wrong, (targets + 1) % 4, targets)
    return (np.eye(4)[said] * 8 + rng.normal(0, 0.5, (len(targets), 4))).astype(np.float32)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Networks that know the validation part."""
    targets = dataset.targets(protocols.folds(root, "known")[0].parts["val"])
    seeds = iter(range(100))

    def answer(path: Path, pixels: np.ndarray) -> np.ndarray:
        assert path.name == "model.xml"
        assert pixels.shape == (len(targets), 224, 224, 3)
        return logits(targets, next(seeds))

    monkeypatch.setattr(served_backbones, "logits", answer)


@pytest.fixture(scope="module")
def predictions(root: Path) -> dict[str, Answers]:
    """Networks of three folds: right about what they know, and blind to benign when it is new."""
    rows: dict[str, list] = {name: [] for name in Answers.__dataclass_fields__}
    for fold in protocols.folds(
        root, "slides", left_out=["Benign-purple", "Early-purple", "Pre-blue"]
    ):
        for part in ("val", "test"):
            here = fold.parts[part]
            targets = dataset.targets(here)
            said = np.full_like(targets, 1) if fold.name[:6] + part == "Benigntest" else targets
            for each, target, row in zip(
                here, targets, logits(said, len(rows["paths"])), strict=True
            ):
                rows["paths"].append(each.path.relative_to(root).as_posix())
                rows["targets"].append(target)
                rows["groups"].append(each.group)
                rows["slides"].append(each.slide)
                rows["folds"].append(fold.name)
                rows["parts"].append(part)
                rows["logits"].append(row)
                rows["quality"].append(served.pixels.decode(each.path.read_bytes()).quality)
    answers = Answers(**{name: np.array(values) for name, values in rows.items()})
    return {each.value: answers for each in BACKBONES}


def test_without_slides_left_out_the_thresholds_keep_their_defaults(
    root: Path, network: None
) -> None:
    found = fit_policy.fit(root)
    majority = served.majority
    policy = majority.Policy.from_dict(found.policy)
    assert policy.confidence == {"benign": 0.99, "malignant": 0.9}
    assert found.folds == {}
    assert found.policy["fitted_on"]["known"]["images"] == 16
    assert set(found.policy["fitted_on"]["networks"]) == {
        f"{each.value}/model.xml" for each in BACKBONES
    }
    assert "no predictions" in found.policy["fitted_on"]["thresholds"]["chosen_on"]


def test_networks_that_were_just_converted_are_asked_instead(
    root: Path, network: None, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"mobilenet/openvino_int8/model\.xml is missing"):
        fit_policy.fit(root, converted=tmp_path)
    for each in BACKBONES:
        folder = tmp_path / each.value / "openvino_int8"
        folder.mkdir(parents=True)
        (folder / "model.xml").write_text(each.value)
        (folder / "model.bin").write_bytes(b"weights")
    found = fit_policy.fit(root, converted=tmp_path).policy["fitted_on"]["networks"]
    assert found == {
        f"{path.parents[1].name}/model.xml": served_backbones.digest(path)
        for path in served_backbones.files(tmp_path, served_backbones.CONVERTED)
    }
    assert len(set(found.values())) == 3


def test_slides_left_out_choose_the_thresholds_and_are_judged_without_themselves(
    root: Path, network: None, predictions: dict[str, Answers], tmp_path: Path
) -> None:
    found = fit_policy.fit(root, predictions=predictions)
    chosen = found.policy["fitted_on"]["thresholds"]
    assert chosen["chosen_on"] == ["Benign-purple", "Early-purple", "Pre-blue"]
    left = chosen["left_out"]
    assert left["images"] == 24
    assert left["wrong_class"] <= 0.05 * left["without_review"]
    assert left["wrong_label"] == 0, "the unknown benign slide was called malignant"

    fold_policies.save(tmp_path, found.folds)
    majority = served.majority
    unseen = {each.name: each for each in left_out.read(predictions)}
    for fold in unseen:
        judge = fold_policies.load(tmp_path, fold)
        stranger = [majority.distance(row, judge.appearance) for row in unseen[fold].test.quality]
        served_look = majority.Policy.from_dict(found.policy).appearance
        known = [majority.distance(row, served_look) for row in unseen[fold].test.quality]
        assert np.median(stranger) > np.median(known), "the served policy knows the slide"
        stored = json.loads(fold_policies.place(tmp_path, fold).read_text())["fitted_on"]
        assert fold not in stored["thresholds_chosen_on"]


def test_the_command_writes_a_policy_that_the_server_takes(
    root: Path, network: None, tmp_path: Path
) -> None:
    out = tmp_path / "policy.json"
    result = CliRunner().invoke(main, ["calibrate", "--data", str(root), "--out", str(out)])
    assert result.exit_code == 0, result.output
    served.majority.Policy.load(out)
    assert "keep their defaults" in result.output
    assert "of 16 without review, 0 of them a wrong class" in result.output


def test_a_folder_without_predictions_is_named(root: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["calibrate", "--data", str(root), "--predictions", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert str(tmp_path) in result.output
    assert "python -m training evaluate" in result.output


def test_a_missing_network_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m convert writes it"):
        served_backbones.files(tmp_path)
