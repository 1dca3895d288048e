"""deploy/gpu/measure.py on the CPU: it measures and compares; its numbers here mean nothing."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from allclient.contract import BACKBONES, ENSEMBLE
from allclient.local import ports
from convert.repository import writer
from convert.repository.flavours import FLAVOURS

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "gpu" / "measure.py"


def measure(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_serves_compares_and_measures(written: Path, tmp_path: Path) -> None:
    with writer.on_cpu(written, FLAVOURS["gpu_onnx"]) as models:
        done = measure(
            *f"--models {models} --images {ROOT / 'tests/reference'} --limit 8".split(),
            *f"--concurrency 1 3 --batch 2 --seconds 1.5 --output {tmp_path / 'o.json'}".split(),
        )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text())
    backbones = {backbone.value for backbone in BACKBONES}
    assert set(found["server"]["runs_on"]) == set(found["parity"]) == backbones
    for one in found["parity"].values():
        assert one["images"] == 8
        assert one["equal_argmax"] == 1.0
        assert one["max_abs"] < 1e-4
    rows = [*found["end_to_end"], found["preprocess_alone"], *found["backbones_alone"]["each"]]
    assert [row["concurrency"] for row in found["end_to_end"]] == [1, 3]
    assert {row["model"] for row in rows} == {ENSEMBLE, "preprocess", *backbones}
    for row in rows:
        assert row["requests"] > 0
        assert row["errors"] == 0
        assert row["p50_ms"] <= row["p99_ms"]
    assert set(found["goals"]) == {"end_to_end", "backbones_alone"}


def test_failed_requests_are_counted_and_told() -> None:
    free = ports.choose("127.0.0.1", ports.Ports(0, 0, 0)).grpc
    load = import_load()
    work = load.Work(f"127.0.0.1:{free}", ENSEMBLE, (b"an image",))
    found: dict[str, Any] = load.run(work, 2, 0.5, 1)
    assert found["requests"] == 0
    assert found["errors"] > 0
    assert "UNAVAILABLE" in found["first_error"]


def import_load() -> Any:
    """As the script does; the processes that make the load import it by the same name."""
    spec = importlib.util.spec_from_file_location("load", SCRIPT.with_name("load.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["load"] = module
    sys.path.append(str(SCRIPT.parent))
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "{empty}", "--server", "127.0.0.1:9"], "has no image; `python -m samples"),
        (["--images", "{empty}"], "name a server that runs .* or what to serve"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = measure(*(word.format(empty=tmp_path) for word in arguments))
    assert done.returncode != 0
    assert re.search(said, done.stderr), done.stderr
