from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.measure.heat import measure

NUCLEI = np.zeros((224, 224), bool)
NUCLEI[:112, :112] = True


def test_even_heat_has_the_share_of_the_area() -> None:
    even = np.indices((14, 14)).sum(0) % 2.0
    share, area, hit = measure(even, NUCLEI)
    assert share == pytest.approx(area, rel=0.02)
    assert area == pytest.approx(1 / 4)
    assert hit in (0, 1)


def test_heat_on_nuclei_is_found_there() -> None:
    cam = np.full((7, 7), -3.0)
    cam[1, 1] = 2.0
    share, area, hit = measure(cam, NUCLEI)
    assert share == pytest.approx(1)
    assert area == pytest.approx(1 / 4)
    assert hit == 1
    share, _, hit = measure(cam[::-1, ::-1], NUCLEI)
    assert share == pytest.approx(0, abs=1e-6)
    assert hit == 0


@pytest.mark.parametrize(
    ("cam", "nuclei"),
    [(np.ones((5, 5)), NUCLEI), (np.eye(5), np.zeros((224, 224), bool))],
)
def test_without_heat_or_nuclei_there_is_nothing_to_measure(cam, nuclei) -> None:
    assert np.isnan(measure(cam, nuclei)).all()
