"""Nothing that a folder can hold brings the server down, and every file gets its own word."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from allclient import Client
from allclient.contract import ImageErrorCode
from samples import render

if TYPE_CHECKING:
    from pathlib import Path

    from allclient.local import LocalServer

CODES = {code.value for code in ImageErrorCode}


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Cut, flip, insert, repeat or overwrite: what disks, networks and attackers do to a file."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        at = rng.randrange(len(out)) if out else 0
        kind = rng.randrange(5)
        if kind == 0:
            del out[at:]
        elif kind == 1 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 64))
        elif kind == 3:
            out[at:at] = out[at : at + rng.randrange(1, 256)]
        else:
            out[at : at + rng.randrange(1, 16)] = rng.randbytes(8)
    return bytes(out)


def test_500_mutated_files_and_not_one_crash(server: LocalServer) -> None:
    rng = random.Random(20)
    seeds = [
        data
        for suffix in ("JPEG", "PNG", "BMP", "TIFF", "WebP")
        for data in render.encoded(count=2, seed=4, format=suffix)
    ]
    mutants = [mutate(rng.choice(seeds), rng) for _ in range(500)]
    pid = server.pid
    with Client(server.grpc_address) as client:
        before = client.classify(seeds[0])
        outcomes = list(client.classify_many(mutants))
        after = client.classify(seeds[0])
    assert len(outcomes) == 500
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert {error.code for error in failed} <= CODES
    assert len(failed) > 100, "the mutations no longer damage anything"
    assert len(failed) < 500, "the mutations no longer leave anything whole"
    assert server.pid == pid
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-6)


@pytest.fixture(scope="module")
def folder_of_100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a folder of 100")
    render.folder(folder, count=96, seed=3, awkward=True)
    assert len(list(folder.iterdir())) == 100
    return folder


AWKWARD = {
    "truncated.jpg": "image_truncated",
    "text.png": "image_unsupported",
    "zero-bytes.jpg": "image_empty",
    "30000x30000.png": "image_too_large",
}


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_folder_with_four_bad_files(
    server: LocalServer, folder_of_100: Path, tmp_path: Path, format: str
) -> None:
    out = tmp_path / f"out.{format}"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "allclient", "classify", str(folder_of_100)),
            *("--server", server.grpc_address, "--format", format, "--output", str(out)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    if format == "jsonl":
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        errors = {row["file"]: row["error"]["code"] for row in rows if row["error"]}
    else:
        with out.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        errors = {row["file"]: row["error_code"] for row in rows if row["error_code"]}
    assert len(rows) == 100
    assert {file.rsplit("/", 1)[-1]: code for file, code in errors.items()} == AWKWARD
    for name in AWKWARD:
        assert name in run.stderr
    assert "megapixel" in run.stderr, "the limit is named"
    with Client(server.grpc_address) as client:
        assert client.health().ready
