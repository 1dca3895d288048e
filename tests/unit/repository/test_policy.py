"""A policy that cannot be trusted does not load, and says where it is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import majority
import pytest
from policies import POLICY


def changed(path: str, value: object) -> dict[str, Any]:
    policy = copy.deepcopy(POLICY)
    *way, last = path.split(".")
    part = policy
    for name in way:
        part = part[name]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return policy


def test_a_good_policy_loads(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(POLICY))
    policy = majority.Policy.load(file)
    assert policy.temperature.tolist() == [1, 1, 1]
    assert policy.low_confidence_below == 0.9
    assert policy.ood_review_above == 0.99
    assert policy.energy_quantiles[[0, 100]].tolist() == [-15, -3]
    assert policy.stain_precision.shape == (6, 6)
    assert policy.quality_limits[0] == (1, 5, float("inf"))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("version", 2, "version 2, needed is 1"),
        ("version", None, "version None"),
        ("temperature", None, "exactly the fields"),
        ("temperature.xception", 0, "temperature.xception must be"),
        ("temperature.xception", float("nan"), "temperature.xception must be"),
        ("temperature.xception", "1.0", "temperature.xception must be"),
        ("temperature.resnet", 1.0, "temperature must have exactly"),
        ("low_confidence_below", 90, "low_confidence_below must be"),
        ("low_confidence_below", True, "low_confidence_below must be"),
        ("ood.review_above", -0.1, "ood.review_above must be"),
        ("ood.energy_quantiles", [1, 2, 3], "ood.energy_quantiles must be"),
        ("ood.energy_quantiles", list(range(101))[::-1], "ood.energy_quantiles must rise"),
        ("ood.stain.mean", [1, 2, 3], "ood.stain.mean must be"),
        ("ood.stain.precision", [[1] * 6] * 5, "ood.stain.precision must be"),
        ("ood.stain.precision", [[-1 * (i == j) for i in range(6)] for j in range(6)], "inverse"),
        ("ood.stain.distance_quantiles", [float("inf")] * 101, "distance_quantiles must be"),
        ("quality", [], "quality may limit only"),
        ("quality.sharpnes", {"min": 5}, "quality may limit only"),
        ("quality.pages", {"max": 1}, "quality may limit only"),
        ("quality.sharpness", {"minimum": 5}, "quality.sharpness must have"),
        ("quality.sharpness", {}, "quality.sharpness must have"),
        ("quality.sharpness", {"min": 5, "max": 4}, "quality.sharpness: min"),
        ("quality.sharpness", {"min": "5"}, "quality.sharpness.min must be"),
        ("extra", 1, "exactly the fields"),
    ],
)
def test_where_a_policy_is_wrong(tmp_path: Path, path: str, value: object, said: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(majority.PolicyError) as refused:
        majority.Policy.load(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


def test_a_missing_policy(tmp_path: Path) -> None:
    with pytest.raises(majority.PolicyError, match="missing; training writes it"):
        majority.Policy.load(tmp_path / "policy.json")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null"])
def test_a_file_that_is_no_policy(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "policy.json"
    file.write_bytes(content)
    with pytest.raises(majority.PolicyError, match=r"policy\.json"):
        majority.Policy.load(file)
