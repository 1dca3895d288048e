from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from allclient.contract import Subtype
from training.augment import sheet
from training.augment.config import PLAIN, AugmentConfig
from training.cli import main
from training.data.samples import Sample


def run(*arguments: object):
    return CliRunner().invoke(main, ["augment", *(str(argument) for argument in arguments)])


def test_the_command_writes_a_sheet_of_fields_and_views(split: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "a.png", tmp_path / "b.png"
    for file in (out, again):
        result = run("--data", split, "--out", file, "--fields", 2, "--views", 3, "--side", 112)
        assert result.exit_code == 0, result.output
    assert out.read_bytes() == again.read_bytes()
    pixels = np.asarray(Image.open(out))
    assert pixels.shape == (18 + 2 * 228, 4 + 228 + 3 * 116, 3)
    # Where the views begin there is a picture, not white.
    assert pixels[18 : 18 + 112, 232 : 232 + 112].std() > 10


def test_a_column_for_every_effect(split: Path, tmp_path: Path) -> None:
    result = run(
        "--data", split, "--out", tmp_path / "a.png", "--fields", 1, "--each", "--side", 64
    )
    assert result.exit_code == 0, result.output
    assert Image.open(tmp_path / "a.png").width == 4 + 228 + len(sheet.EFFECTS) * 68


def test_a_folder_without_images_is_told_in_one_sentence(tmp_path: Path) -> None:
    result = run("--data", tmp_path, "--out", tmp_path / "a.png")
    assert result.exit_code == 1
    assert "holds no images" in result.output
    assert "Traceback" not in result.output


def test_effects_cover_every_knob_once() -> None:
    """A new knob must not be forgotten on the sheet."""
    knobs = [knob for effect in sheet.EFFECTS.values() for knob in effect]
    names = {each.name for each in dataclasses.fields(AugmentConfig)}
    assert sorted([*knobs, "untouched_colour"]) == sorted(names)


@pytest.mark.parametrize("effect", sheet.EFFECTS)
def test_an_effect_alone_leaves_the_others_off(effect: str) -> None:
    alone = sheet.alone(effect, AugmentConfig())
    changed = {k for k, v in dataclasses.asdict(alone).items() if v != getattr(PLAIN, k)}
    assert changed == set(sheet.EFFECTS[effect])


def test_fields_come_from_every_slide_in_turn() -> None:
    samples = [Sample(Path(f"{i}"), Subtype.PRO_B, slide="ab"[i > 0]) for i in range(5)]
    samples.append(Sample(Path("5"), Subtype.BENIGN))
    chosen = sheet.chosen(samples, 4, seed=0)
    assert [each.slide or each.subtype.value for each in chosen] == ["a", "b", "benign", "b"]
    assert len({each.path for each in sheet.chosen(samples, 99, seed=0)}) == 6
