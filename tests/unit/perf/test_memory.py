"""What the memory measurement sends, and what it makes of its samples."""

from __future__ import annotations

import os
import subprocess

import memory_files
import memory_samples
import pytest
from memory_samples import Memory, Sample


def test_the_files_are_of_every_format_and_size_and_always_the_same() -> None:
    files = memory_files.draw(seed=3, large=4)
    assert [data[:2] for data in files.large] == [b"\xff\xd8", b"\x89P", b"BM", b"II"]
    assert len(files.large[2]) == 3 * 2573 * 1930 + 1930 + 54  # rows end at four bytes
    assert {data[:2] for data in files.small} >= {b"\xff\xd8", b"\x89P", b"BM", b"II"}
    assert 5_000 < min(len(data) for data in files.small if data[:2] == b"\xff\xd8") < 8_000
    again = memory_files.draw(seed=3, large=4)
    assert again.large == files.large
    # A byte of padding in a TIFF of Pillow is whatever memory held.
    assert [len(data) for data in again.small] == [len(data) for data in files.small]


def test_growth_leaves_out_the_start_and_one_sample_that_stands_out() -> None:
    sizes = [10, 50, 50, 50, 900, 52, 52, 52, 60, 61, 62]
    samples = [
        Sample(number, {"a": Memory(size, 1, 99)} | ({"b": Memory(5, 0, 9)} if number else {}), 7)
        for number, size in enumerate(sizes)
    ]
    grown = memory_samples.growth([samples[0], *samples[0:4], *samples[4:]])
    assert grown["a"] == (50, 61.5)
    assert grown["b"] == (5, 5)
    assert grown["total"] == (55, 66.5)
    assert grown["dev_shm"] == (7, 7)


def test_a_process_is_measured_and_what_it_started_besides_is_not() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        sample = memory_samples.take(os.getpid(), 3)
        other.kill()
    memory = sample.processes["tritonserver"]
    assert sample.requests == 3
    assert 1 < memory.pss <= memory.peak
    assert sample.total == pytest.approx(sum(one.pss for one in sample.processes.values()))
    assert set(sample.as_json()) == {"requests", "total", "dev_shm", "processes"}
