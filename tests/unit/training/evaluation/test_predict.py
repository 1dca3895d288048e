"""Answers of stand-in networks to drawn smears, changed and unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.evaluation.conftest import net
from toolkit import served
from training.data import protocols
from training.data.samples import Sample
from training.evaluation.measure import planning
from training.evaluation.measure.heat import measure
from training.evaluation.measure.predict import Predictor, jobs
from training.evaluation.probes import catalogue, field

CHANGES = [each for each in catalogue.probes() if each.name.startswith(("probe.con", "probe.hue"))]


def other(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits, cams = net(pixels)
    return -logits, -cams


@pytest.fixture
def fold(smears: Path) -> protocols.Fold:
    return protocols.folds(smears, "known")[0]


def test_every_row_is_what_the_network_says_of_the_served_pixels(smears: Path, fold) -> None:
    predictor = Predictor(smears)
    predictor.fold(fold, {"mobilenet": net, "xception": other})
    found = predictor.tables["xception"].predictions("known", "xception", {})
    assert found.parts.tolist() == ["val"] * 4 + ["test"] * 8
    assert found.folds.tolist() == ["known"] * 12
    for row, path in enumerate(found.paths.tolist()):
        decoded = served.pixels.decode((smears / path).read_bytes())
        np.testing.assert_allclose(found.logits[row], other(decoded.pixels[None])[0][0], rtol=1e-5)
        np.testing.assert_array_equal(found.quality[row], decoded.quality)
    assert found.targets.tolist() == [0, 1, 2, 3, 0, 0, 1, 1, 2, 2, 3, 3]
    # Where no group is known, an image is its own.
    assert found.groups[4:6].tolist() == ["Benign-G2", "Benign/Benign-3.png"]


def test_the_answered_classs_map_is_measured_on_the_fields_own_nuclei(smears: Path, fold) -> None:
    predictor = Predictor(smears)
    predictor.fold(fold, {"mobilenet": net})
    found = predictor.tables["mobilenet"].predictions("known", "mobilenet", {})
    for row, path in enumerate(found.paths.tolist()):
        data = (smears / path).read_bytes()
        nuclei = served.smear_nuclei.mask(served.pixels.rgb(data))
        cam = net(served.pixels.decode(data).pixels[None])[1][0, ..., found.logits[row].argmax()]
        np.testing.assert_allclose(found.nuclei_heat[row], measure(cam, nuclei), rtol=1e-5)
    # Every third drawn field shows red cells alone.
    assert 0 < np.isnan(found.nuclei_heat).any(1).sum() < 12


def test_changed_copies_lead_back_to_their_rows(smears: Path, fold) -> None:
    predictor = Predictor(smears)
    predictor.fold(fold, {"mobilenet": net})
    work = jobs([fold], 5, seed=1)["known"]
    predictor.changes("known", work, CHANGES, {"mobilenet": net})
    found = predictor.tables["mobilenet"].predictions("known", "mobilenet", {})
    assert set(found.variants) == {each.name for each in CHANGES}
    control = found.variants["probe.control.png"]
    assert [found.paths[row] for row in control.index] == [
        job.sample.path.relative_to(smears).as_posix() for job in work
    ]
    assert set(found.parts[control.index]) == {"test"}
    np.testing.assert_array_equal(control.logits, found.logits[control.index])
    turned = found.variants["probe.hue.+20"]
    assert (turned.quality != control.quality).any()


def test_an_image_that_cannot_be_read_is_named_and_left_out(smears: Path, fold) -> None:
    broken = fold.parts["test"][3].path
    broken.write_bytes(broken.read_bytes()[:300])
    predictor = Predictor(smears)
    predictor.fold(fold, {"mobilenet": net})
    work = jobs([fold], 8, seed=0)["known"]
    predictor.changes("known", work, CHANGES[:1], {"mobilenet": net})
    found = predictor.tables["mobilenet"].predictions("known", "mobilenet", {})
    assert list(predictor.failed) == ["Early/Early-3.png"]
    assert "image_truncated" in predictor.failed["Early/Early-3.png"]
    assert "Early/Early-3.png" not in found.paths.tolist()
    assert len(found.variants["probe.control.png"].index) == 7


def test_samples_are_drawn_by_the_seed_and_donors_are_of_other_slides(fold) -> None:
    first, again, different = (jobs([fold], 5, seed)["known"] for seed in (1, 1, 2))
    assert first == again
    assert first != different
    slides = {sample.path: sample.slide for sample in fold.parts["test"]}
    for job in jobs([fold], 100, seed=0)["known"]:
        assert slides[job.donor] != job.sample.slide
    assert len(jobs([fold], 100, seed=0)["known"]) == 8


def test_one_slide_alone_gives_its_own_background() -> None:
    samples = [Sample(Path(f"{n}.png"), "benign", slide="S01") for n in range(3)]
    assert len(jobs([protocols.Fold("S01", {"test": samples})], 3, seed=0)["S01"]) == 3


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


ALL = ("mobilenet", "xception", "inception_v3")


def test_missing_masters_are_named_and_the_rest_goes_on(smears: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    touch(
        runs / "slides" / "Benign-S01" / "mobilenet" / "mobilenet.keras",
        runs / "slides" / "Early-S02" / "mobilenet" / "mobilenet.keras",
        runs / "slides" / "Early-S02" / "xception" / "xception.keras",
    )
    plan = planning.plan(
        runs, "slides", smears, backbones=ALL, left_out=("Benign-S01", "Early-S02")
    )
    assert plan.missing == ["xception: fold Benign-S01", "inception_v3: no master"]
    plan.masters["Early-S02"]["xception"].write_bytes(b"weights")
    found, failed = planning.execute(plan, lambda path: net)
    assert failed == {}
    assert list(found) == ["mobilenet", "xception"]
    assert set(found["mobilenet"].folds) == {"Benign-S01", "Early-S02"}
    assert set(found["xception"].folds) == {"Early-S02"}
    tested = found["mobilenet"].slides[found["mobilenet"].parts == "test"]
    assert set(tested) == {"Benign-S01", "Early-S02"}
    assert list(found["xception"].meta["masters"]) == ["Early-S02"]
    assert len(found["mobilenet"].meta["preprocessing"]) == 64


def test_released_masters_may_lie_side_by_side(smears: Path, tmp_path: Path) -> None:
    touch(*(tmp_path / "masters" / f"{name}.keras" for name in ALL))
    plan = planning.plan(tmp_path / "masters", "known", smears, backbones=("xception",))
    assert plan.masters == {"known": {"xception": tmp_path / "masters" / "xception.keras"}}
    with pytest.raises(FileNotFoundError, match=r"no mobilenet\.keras in .*, nor xception\.keras"):
        planning.plan(tmp_path / "masters", "random", smears, backbones=ALL[:2])


def test_a_set_from_outside_is_answered_by_the_known_masters(tmp_path: Path, drawn) -> None:
    root = tmp_path / "healthy"
    root.mkdir()
    for number in range(3):
        (root / f"{number}.png").write_bytes(field.png(drawn[number]))
    touch(tmp_path / "runs" / "known" / "known" / "xception" / "xception.keras")
    samples = [Sample(path, "benign") for path in sorted(root.glob("*.png"))]
    plan = planning.outside(tmp_path / "runs", root, samples, backbones=ALL)
    found, _ = planning.execute(plan, lambda path: net)
    assert found["xception"].protocol == "outside-healthy"
    assert found["xception"].paths.tolist() == ["0.png", "1.png", "2.png"]


def test_the_steps_told_are_the_steps_done(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "probes", lambda: CHANGES[:2])
    monkeypatch.setattr(catalogue, "stresses", lambda: CHANGES[2:3])
    touch(tmp_path / "runs" / "mobilenet.keras")
    plan = planning.plan(tmp_path / "runs", "known", smears, backbones=ALL, sample=2)
    done = []
    planning.execute(plan, lambda path: net, done.append)
    assert sum(done) == plan.steps == 12 + 2 * 3
