"""A policy that cannot be trusted does not load, and says where it is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import majority
import pytest

from tests.unit.repository.policies import FIELDS, POLICY


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
    assert policy.confidence == {"benign": 0.9, "malignant": 0.9}
    assert policy.subtype_confidence == 0.4
    assert policy.ood_review_above == {"benign": 0.98, "malignant": 0.98}
    assert policy.energy_quantiles[[0, 100]].tolist() == [-15, -3]
    assert policy.appearance.at == (6, 7, 8, 9, 10, 11)
    assert policy.appearance.known.shape == (2, 6)
    assert policy.appearance.whitening.shape == (6, 6)
    assert policy.quality_limits[0] == (1, 5, float("inf"))
    assert policy.leukocyte_limits == ((12, 0.003, float("inf")), (13, 0.03, float("inf")))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("version", 1, "version 1, needed is 2"),
        ("version", None, "version None"),
        ("temperature", None, "exactly the fields"),
        ("temperature.xception", 0, "temperature.xception must be"),
        ("temperature.xception", float("nan"), "temperature.xception must be"),
        ("temperature.xception", "1.0", "temperature.xception must be"),
        ("temperature.resnet", 1.0, "temperature must have exactly"),
        ("confidence.benign", 90, "confidence.benign must be"),
        ("confidence.malignant", True, "confidence.malignant must be"),
        ("confidence.subtype", None, "confidence must have exactly"),
        ("ood.review_above", 0.9, "ood.review_above must have exactly"),
        ("ood.review_above.malignant", -0.1, "ood.review_above.malignant must be"),
        ("ood.energy_quantiles", [1, 2, 3], "ood.energy_quantiles must be"),
        ("ood.energy_quantiles", list(range(101))[::-1], "ood.energy_quantiles must rise"),
        ("ood.look.fields", ["pages"], "ood.look.fields may name only"),
        ("ood.look.fields", [], "ood.look.fields may name only"),
        ("ood.look.fields", FIELDS[:5] + FIELDS[:1], "names a field twice"),
        ("ood.look.fields", [["contrast"]], "ood.look.fields may name only"),
        ("ood.look.known", [], "ood.look.known must be"),
        ("ood.look.known", [[1, 2, 3]], "ood.look.known must be"),
        ("ood.look.known", [[1] * 6, [1] * 5], "ood.look.known must be"),
        ("ood.look.whitening", [[1] * 6] * 5, "ood.look.whitening must be"),
        ("ood.look.whitening", [[1] * 6] * 6, "leaves a direction out"),
        ("ood.look.quantiles", [float("inf")] * 101, "ood.look.quantiles must be"),
        ("leukocytes", {}, "leukocytes must limit"),
        ("leukocytes.nuclei_share", {}, "leukocytes.nuclei_share must have"),
        ("quality", [], "quality must limit"),
        ("quality", {}, "quality must limit"),
        ("quality.sharpnes", {"min": 5}, "quality must limit"),
        ("quality.pages", {"max": 1}, "quality must limit"),
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
