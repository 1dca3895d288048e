"""The array and its analysis, against results made up from known effects."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from training.tune import taguchi

LEVELS = {"rate": (1e-4, 1e-3, 1e-2), "dropout": (0.0, 0.2, 0.4), "batch": (8, 16, 32)}


def test_every_pair_of_factors_meets_every_pair_of_levels_once() -> None:
    design = taguchi.l9()
    assert design.shape == (9, 4)
    for one, other in itertools.combinations(range(4), 2):
        pairs = {tuple(row) for row in design[:, [one, other]].tolist()}
        assert pairs == set(itertools.product(range(3), repeat=2))


def test_effects_of_levels_are_found_again() -> None:
    own = {"rate": [0.0, 0.2, 0.1], "dropout": [0.05, 0.0, 0.03], "batch": [0.0, 0.0, 0.0]}
    design = taguchi.l9()
    results = 0.5 + sum(np.array(own[name])[design[:, k]] for k, name in enumerate(own))
    found = taguchi.main_effects(LEVELS, np.stack([results, results], 1), larger=True)
    for name, effect in found["effects"].items():
        centred = np.array(effect["mean"]) - np.mean(effect["mean"])
        np.testing.assert_allclose(centred, np.array(own[name]) - np.mean(own[name]), atol=1e-12)
        assert effect["delta"] == pytest.approx(max(own[name]) - min(own[name]))
    assert [found["effects"][name]["rank"] for name in own] == [1, 2, 3]
    assert found["best"]["rate"] == 1e-3
    assert found["best"]["dropout"] == 0.0
    losses = taguchi.main_effects(LEVELS, results[:, None], larger=False)
    assert losses["best"]["rate"] == 1e-4
    assert losses["best"]["dropout"] == 0.2


def test_signal_to_noise_punishes_results_that_scatter() -> None:
    assert taguchi.signal_to_noise([0.5], larger=True) == pytest.approx(20 * math.log10(0.5))
    assert taguchi.signal_to_noise([0.5], larger=False) == pytest.approx(-20 * math.log10(0.5))
    steady = taguchi.signal_to_noise([0.7, 0.7], larger=True)
    assert taguchi.signal_to_noise([0.5, 0.9], larger=True) < steady
    assert taguchi.signal_to_noise([0.7, 0.0], larger=True) is None


def test_the_table_names_every_level_and_leaves_out_ratios_without_meaning() -> None:
    results = np.linspace(0.0, 0.8, 9)[:, None]
    found = taguchi.main_effects(LEVELS, results, larger=True)
    assert found["effects"]["rate"]["signal_to_noise"][0] is None
    assert found["effects"]["rate"]["signal_to_noise"][2] < 0
    lines = taguchi.as_text(found).splitlines()
    assert len(lines) == 1 + 9 + 1
    assert lines[1].split() == ["rate", "0.0001", "0.1000", "-", "0.6000", "1"]
    assert "rate 0.01" in lines[-1]
