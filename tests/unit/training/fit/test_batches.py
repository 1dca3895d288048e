"""The views of an epoch: which fields, in which order, with which weights, always the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

from allclient.contract import SUBTYPES
from training.augment.config import PLAIN
from training.data.samples import Sample
from training.fit.batches import WHOLE, Cut, Drawing, Images, Source, mixed_up

CUT = Cut(16, WHOLE)
DRAWING = Drawing(batch=8)


def all_batches(source: Source, epoch: int = 0, **options: int) -> list:
    return list(source.epoch(CUT, epoch, **options))


def assert_equal(one: list, other: list) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in ("pixels", "targets", "weights", "slides"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("change", [{}, {"mixup": 1.0, "pairs": True, "balance": "slide"}])
def test_an_epoch_is_the_same_whenever_and_by_however_many_threads_it_is_drawn(
    images: Images, change: dict
) -> None:
    drawing = dataclasses.replace(DRAWING, **change)
    source = Source(images, drawing, seed=1)
    whole = all_batches(source, 5)
    assert [len(batch.pixels) for batch in whole] == [source.views] * source.steps
    assert_equal(whole, all_batches(Source(images, drawing, seed=1), 5, workers=3))
    assert_equal(whole[1:], all_batches(source, 5, start=1))
    assert not np.array_equal(whole[0].pixels, all_batches(source, 6)[0].pixels)
    assert not np.array_equal(whole[0].pixels, all_batches(Source(images, drawing, 2), 5)[0].pixels)


def test_an_epoch_that_is_given_up_stops_its_threads(images: Images) -> None:
    drawn = Source(images, DRAWING, seed=1).epoch(CUT, 0)
    next(drawn)
    drawn.close()


def test_a_view_that_cannot_be_drawn_ends_the_epoch_with_its_reason(images: Images) -> None:
    broken = dataclasses.replace(images, pixels=images.pixels[:, :100])
    with pytest.raises(ValueError, match="a field must be uint8"):
        all_batches(Source(broken, DRAWING, seed=1))


def test_rare_classes_weigh_more(images: Images) -> None:
    counts = (12, 4)
    samples = [
        Sample(Path("x"), SUBTYPES[k]) for k, count in enumerate(counts) for _ in range(count)
    ]
    source = Source(dataclasses.replace(images, samples=samples), DRAWING, seed=0)
    weights = {}
    for batch in all_batches(source):
        weights |= dict(zip(batch.targets.argmax(1).tolist(), batch.weights.tolist(), strict=True))
    assert weights == pytest.approx({0: 16 / 24, 1: 16 / 8})


def test_rare_classes_are_drawn_as_often_and_then_weigh_the_same(images: Images) -> None:
    samples = [Sample(Path("x"), SUBTYPES[k]) for k in (0,) * 12 + (1,) * 4]
    source = Source(
        dataclasses.replace(images, samples=samples),
        dataclasses.replace(DRAWING, balance="class"),
        seed=0,
    )
    batches = all_batches(source)
    assert sum(batch.targets for batch in batches).sum(0).tolist() == [8, 8, 0, 0]
    assert {weight for batch in batches for weight in batch.weights} == {1.0}


def test_views_are_rendered_and_pairs_share_their_field(images: Images) -> None:
    def render(field: np.ndarray) -> np.ndarray:
        return field // 2

    drawing = dataclasses.replace(DRAWING, pairs=True)
    drawing = dataclasses.replace(drawing, augment=PLAIN)
    batch = all_batches(Source(images, drawing, seed=0, render=render))[0]
    assert batch.pixels.max() <= 127
    np.testing.assert_array_equal(batch.pixels[:8], batch.pixels[8:])  # no stain was changed
    np.testing.assert_array_equal(batch.targets[:8], batch.targets[8:])
    np.testing.assert_array_equal(batch.slides[:8], batch.slides[8:])
    assert len({view.tobytes() for view in batch.pixels[:8]}) == 8


def test_slides_are_told_apart(images: Images) -> None:
    source = Source(images, DRAWING, seed=0)
    assert len(source.slides) == 8
    for batch in all_batches(source):
        named = [str(name).split("-")[0] for name in source.slides[batch.slides]]
        assert named == [str(target) for target in batch.targets.argmax(1)]


def test_mixup_blends_views_with_targets_and_pairs_alike() -> None:
    pixels = np.repeat(np.arange(0, 240, 30, dtype=np.uint8), 4 * 4 * 3).reshape(8, 4, 4, 3)
    targets = np.eye(8, dtype=np.float32)
    rng = np.random.default_rng(0)
    mixed, shares = mixed_up(np.concatenate([pixels, pixels]), targets, 1.0, rng)
    assert shares.sum(1) == pytest.approx(1)
    assert (shares.argmax(1) == np.arange(8)).all()
    assert (shares.max(1) < 1).any()
    np.testing.assert_array_equal(mixed[:8], mixed[8:])
    expected = shares @ np.arange(0, 240, 30)
    np.testing.assert_allclose(mixed[:8, 2, 2, 0], expected, atol=0.51)
