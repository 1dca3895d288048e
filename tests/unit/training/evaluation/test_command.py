"""``python -m training evaluate`` from masters to stored predictions and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.unit.training.evaluation.conftest import BACKBONES
from training.cli import main
from training.evaluation import figures, predictions
from training.evaluation.probes import catalogue, field


def run(*arguments: object):
    return CliRunner().invoke(main, ["evaluate", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tiny masters: averages of patches and a dense head."""
    keras = pytest.importorskip("keras")
    runs = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(BACKBONES):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((224, 224, 3), dtype="uint8", name="PIXELS")
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32")(pixels)
        maps = keras.layers.AveragePooling2D(32)(scaled)
        head = keras.layers.Dense(4)
        logits = head(keras.layers.GlobalAveragePooling2D()(maps))
        net = keras.Model(pixels, {"LOGITS": logits, "CAM": head(maps)})
        path = runs / "known" / "known" / name / f"{name}.keras"
        path.parent.mkdir(parents=True)
        net.save(path)
    return runs


@pytest.fixture(autouse=True)
def served_policy(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "POLICY", policy)


@pytest.fixture
def few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    probes, stresses = catalogue.probes()[:2], catalogue.stresses()[:1]
    monkeypatch.setattr(catalogue, "probes", lambda: probes)
    monkeypatch.setattr(catalogue, "stresses", lambda: stresses)


@pytest.mark.usefixtures("few_changes")
def test_masters_answer_and_everything_is_kept(
    smears: Path, masters: Path, tmp_path: Path, policy: Path
) -> None:
    save = tmp_path / "predictions"
    result = run("--data", smears, "--keras", masters, "--sample", 3, "--save", save)
    assert result.exit_code == 0, result.output
    assert "known: 8 images" in result.output
    stored = predictions.load_all(save)["known"]
    assert list(stored) == list(BACKBONES)
    for each in stored.values():
        assert len(each.paths) == 12
        assert len(each.variants) == 3
        assert each.meta["changed"] == {"images": 3, "seed": 0}
    found = figures.compute(save, policy)
    assert found["probes"]["images"] == 3
    assert list(found["stress"]["axes"]) == ["hed"]
    assert set(found["ways"]["known"]["voters"]) > set(BACKBONES)


def test_one_backbone_on_slides_left_out(smears: Path, masters: Path, tmp_path: Path) -> None:
    runs, save = tmp_path / "runs", tmp_path / "predictions"
    (runs / "slides").mkdir(parents=True)
    for fold in ("Benign-S01", "Early-S02"):
        (runs / "slides" / fold).symlink_to(masters / "known" / "known")
    result = run(
        *("--data", smears, "--protocol", "slides", "--keras", runs, "--save", save),
        *("--left-out", "Benign-S01", "--left-out", "Early-S02", "--backbone", "xception"),
    )
    assert result.exit_code == 0, result.output
    assert "missing" not in result.output
    assert list(predictions.load_all(save)["slides"]) == ["xception"]
    assert "slides: 4 images" in result.output


def test_a_set_from_outside_names_what_cannot_be_read(
    masters: Path, tmp_path: Path, drawn: list[np.ndarray]
) -> None:
    root = tmp_path / "healthy"
    root.mkdir()
    (root / "good.png").write_bytes(field.png(drawn[0]))
    (root / "cut.png").write_bytes(field.png(drawn[1])[:500])
    result = run("--outside", root, "--all-are", "benign", "--keras", masters)
    assert result.exit_code == 1
    assert "outside-healthy: 1 images" in result.output
    assert "failed: cut.png: [image_truncated]" in result.output


def test_a_folder_of_several_laboratories_is_scored_by_its_table(
    masters: Path, tmp_path: Path, drawn: list[np.ndarray]
) -> None:
    root, save = tmp_path / "others", tmp_path / "predictions"
    root.mkdir()
    lines = ["file,source,laboratory,kind,class,malignant,subject_group,use"]
    for number, source in enumerate(("north", "north", "south", "south")):
        (root / f"{number}.png").write_bytes(field.png(drawn[number]))
        malignant = ("1", "0", "0", "")[number]
        lines.append(f"{number}.png,{source},{source},field,x,{malignant},p{number},evaluate")
    (root / "labels.csv").write_text("\n".join(lines))
    result = run("--outside", root, "--keras", masters, "--save", save)
    assert result.exit_code == 0, result.output
    assert "outside-north: 2 images" in result.output
    assert "AUROC / balanced accuracy" in result.output
    stored = predictions.load_all(save)
    assert stored["outside-north"]["xception"].targets.tolist() == [predictions.UNSTAGED, 0]
    assert stored["outside-north"]["xception"].groups.tolist() == ["p0", "p1"]
    assert stored["outside-south"]["xception"].paths.tolist() == ["2.png"]  # 3 has no label
    assert run("--outside", root, "--all-are", "benign", "--keras", masters).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--keras", "."),
        ("--data", ".", "--outside", ".", "--keras", "."),
        ("--outside", ".", "--keras", "."),
        ("--data", ".", "--all-are", "benign", "--keras", "."),
        ("--data", ".", "--keras", ".", "--split", "val"),
        ("--outside", ".", "--all-are", "benign", "--keras", ".", "--sample", "5"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_file_that_is_no_master_is_named(smears: Path, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    (tmp_path / "mobilenet.keras").write_bytes(b"no archive")
    result = run("--data", smears, "--keras", tmp_path)
    assert result.exit_code == 1
    assert "mobilenet.keras cannot be read as a master" in result.output
