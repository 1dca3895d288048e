"""What the fuzzer calls works without it: its seeds are read, and changed ones raise nothing."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from tests.fuzz import guided


@pytest.mark.parametrize("name", guided.TARGETS)
def test_a_target_takes_its_seeds_and_anything_else(name: str) -> None:
    target = guided.TARGETS[name]
    seeds = list(target.seeds())
    assert len(seeds) > 7
    assert any(len(seed) <= guided.MAX_BYTES for seed in seeds)
    chance = random.Random(11)
    for seed in chance.sample(seeds, 7):
        data = bytearray(seed)
        target.read(bytes(data))
        for _ in range(20):
            data[chance.randrange(len(data))] = chance.randrange(256)
        target.read(bytes(data))
    target.read(b"")


def test_seeds_of_dicom_are_read_and_not_only_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from allclient.dicom import encoded_field

    assert all(encoded_field(seed).data for seed in guided.dicom_seeds())
