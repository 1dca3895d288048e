from __future__ import annotations

import numpy as np
import pytest

from allclient.contract import BACKBONES, QUALITY_FIELDS
from tests.unit.training.review.made import Answers
from training.review import left_out

NAMES = [each.value for each in BACKBONES]


def answers(seed: int) -> Answers:
    rng = np.random.default_rng(seed)
    count = 12
    return Answers(
        paths=np.array([f"Pre/{row}.jpg" for row in range(count)]),
        targets=np.arange(count) % 4,
        groups=np.array([f"G{row // 2}" for row in range(count)]),
        slides=np.array(["A", "B"])[np.arange(count) // 6],
        folds=np.array(["A", "B"])[np.arange(count) % 2],
        parts=np.array(["test", "val"])[np.arange(count) // 4 % 2],
        logits=rng.normal(size=(count, 4)).astype(np.float32) + np.arange(count)[:, None],
        quality=np.tile(np.arange(count, dtype=np.float32)[:, None], len(QUALITY_FIELDS)),
    )


def test_rows_of_three_backbones_meet_in_whatever_order_they_are_stored() -> None:
    whole = {name: answers(seed) for seed, name in enumerate(NAMES)}
    shuffled = whole | {NAMES[1]: whole[NAMES[1]].taken(np.random.default_rng(0).permutation(12))}
    for one, other in zip(left_out.read(whole), left_out.read(shuffled), strict=True):
        assert one.name == other.name
        for part in ("val", "test"):
            first, second = getattr(one, part), getattr(other, part)
            assert (first.logits == second.logits).all()
            assert (first.quality == second.quality).all()
            assert first.logits.shape == (3, len(first.targets), 4)
    first = left_out.read(whole)[0]
    assert first.name == "A"
    assert set(first.test.units) == {"A", "B"}, "the slides"
    assert all(unit.startswith("G") for unit in first.val.units)


def test_rows_that_a_backbone_lacks_are_left_out_for_all() -> None:
    whole = {name: answers(seed) for seed, name in enumerate(NAMES)}
    whole[NAMES[2]] = whole[NAMES[2]].taken(np.arange(2, 12))
    assert (
        sum(len(each.test.targets) + len(each.val.targets) for each in left_out.read(whole)) == 10
    )


def test_what_cannot_be_used_is_refused() -> None:
    whole = {name: answers(seed) for seed, name in enumerate(NAMES)}
    with pytest.raises(left_out.LeftOutError, match="no predictions of xception"):
        left_out.read({name: whole[name] for name in NAMES if name != "xception"})
    old = answers(0)
    old.quality = old.quality[:, :12]
    with pytest.raises(left_out.LeftOutError, match="other quality values"):
        left_out.read(whole | {NAMES[0]: old})
    with pytest.raises(left_out.LeftOutError, match="no fold"):
        left_out.read({name: each.taken(np.arange(0)) for name, each in whole.items()})
