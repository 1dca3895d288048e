from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from allclient.contract import Subtype
from training.data import balance
from training.data.samples import DatasetError, Sample

SIZES = {
    ("S01", Subtype.BENIGN): 12,
    ("S02", Subtype.BENIGN): 4,
    ("S03", Subtype.PRE_B): 40,
    ("S04", Subtype.PRE_B): 8,
    ("", Subtype.PRO_B): 6,
}


@pytest.fixture
def samples() -> list[Sample]:
    return [
        Sample(Path(f"{slide}-{index}.jpg"), subtype, slide=slide)
        for (slide, subtype), count in SIZES.items()
        for index in range(count)
    ]


def sums(samples: list[Sample], weights: np.ndarray, key: str) -> dict[str, float]:
    total: Counter[str] = Counter()
    for sample, weight in zip(samples, weights, strict=True):
        total[getattr(sample, key)] += float(weight)
    return dict(total)


def test_weights_of_classes_sum_to_the_same(samples: list[Sample]) -> None:
    weights = balance.weights(samples)
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(1)
    classes = sums(samples, weights, "subtype")
    assert list(classes.values()) == pytest.approx([70 / 3] * 3)
    assert len({float(w) for s, w in zip(samples, weights, strict=True) if s.target == 2}) == 1


def test_weights_of_slides_share_their_classs(samples: list[Sample]) -> None:
    weights = balance.weights(samples, by="slide")
    assert list(sums(samples, weights, "subtype").values()) == pytest.approx([70 / 3] * 3)
    slides = sums(samples, weights, "slide")
    assert slides["S01"] == pytest.approx(slides["S02"])
    assert slides["S03"] == pytest.approx(slides["S04"])
    assert (balance.weights(samples, by="none") == 1).all()


def test_an_order_of_none_has_every_sample_once(samples: list[Sample]) -> None:
    order = balance.order(samples, np.random.default_rng(0))
    assert order.dtype == np.int64
    assert sorted(order) == list(range(70))
    assert list(order) != list(range(70))


def test_an_order_by_class_is_balanced_in_every_stretch(samples: list[Sample]) -> None:
    order = balance.order(samples, np.random.default_rng(0), by="class")
    assert len(order) == 70
    for start in range(0, 69, 3):
        assert len({samples[index].target for index in order[start : start + 3]}) == 3
    benign = [index for index in order if samples[index].subtype is Subtype.BENIGN]
    assert set(benign[:16]) == set(range(16))  # all of them before one comes again


def test_an_order_by_slide_shows_slides_equally_often(samples: list[Sample]) -> None:
    order = balance.order(samples, np.random.default_rng(0), by="slide")
    met = Counter(samples[index].slide for index in order)
    assert sum(met.values()) == 70
    assert abs(met["S01"] - met["S02"]) <= 1
    assert abs(met["S03"] - met["S04"]) <= 1
    assert met[""] in (23, 24)
    assert max(Counter(order).values()) <= 4  # 11 or 12 turns over the 4 images of S02, 24 over 6


def test_the_same_seed_gives_the_same_order(samples: list[Sample]) -> None:
    for by in balance.KINDS:
        one, two = (balance.order(samples, np.random.default_rng(5), by) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_what_cannot_be_balanced_is_said(samples: list[Sample]) -> None:
    with pytest.raises(DatasetError, match="cannot balance by 'stain'; choose none, class, slide"):
        balance.order(samples, np.random.default_rng(0), by="stain")
    with pytest.raises(DatasetError, match="no sample"):
        balance.weights([])
