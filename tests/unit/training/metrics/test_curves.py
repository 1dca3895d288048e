from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from training.metrics import curves


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 4, 500)
    # Rounded, so that there are ties to get wrong.
    return targets, np.round((targets > 0) * 0.6 + rng.normal(0, 0.8, 500), 1)


def test_curves_end_where_they_must(scored) -> None:
    roc, pr = curves.roc(*scored), curves.pr(*scored)
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)
    assert (pr["recall"][0], pr["recall"][-1]) == (0, 1)
    assert pr["precision"][-1] == pytest.approx((scored[0] > 0).mean(), abs=1e-4)
    assert len(roc["fpr"]) == len(roc["tpr"]) <= curves.POINTS


def test_areas_by_hand() -> None:
    targets = np.array([0, 0, 1, 2])
    malignancy = np.array([0.1, 0.6, 0.5, 0.9])
    # Of the four pairs of one malignant and one benign row, three are in order.
    assert curves.roc(targets, malignancy)["area"] == pytest.approx(3 / 4)
    # Precision 1 at the first malignant row, 2/3 at the second.
    assert curves.pr(targets, malignancy)["area"] == pytest.approx((1 + 2 / 3) / 2)


def test_weighted_areas_are_those_of_scikit_learn(scored) -> None:
    targets, malignancy = scored
    weights = np.random.default_rng(0).integers(0, 4, (6, 500)).astype(float)
    roc_areas, pr_areas = curves.areas(targets, malignancy, weights)
    for place, row in enumerate(weights):
        truth = targets > 0
        assert roc_areas[place] == pytest.approx(
            sklearn.roc_auc_score(truth, malignancy, sample_weight=row)
        )
        assert pr_areas[place] == pytest.approx(
            sklearn.average_precision_score(truth, malignancy, sample_weight=row)
        )


@pytest.mark.parametrize("targets", [[0, 0, 0], [1, 2, 3]])
def test_one_label_alone_has_no_curve(targets: list[int]) -> None:
    malignancy = np.array([0.1, 0.2, 0.3])
    assert curves.roc(np.array(targets), malignancy) is None
    assert curves.pr(np.array(targets), malignancy) is None
    for areas in curves.areas(np.array(targets), malignancy, np.ones((2, 3))):
        assert np.isnan(areas).all()
