"""A server with little shared memory, in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RUN = f"""
import io, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from allclient import Client
from allclient.local import LocalServer, sharedmemory
assert sharedmemory.shortage() is not None
images = []
for side in (300, 1000, 1600, 2200):
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG", compress_level=0)
    images.append(file.getvalue())
with LocalServer({str(ROOT / "model_repository")!r}, model="all_ensemble") as server:
    with Client(server.grpc_address) as client:
        outcomes = list(client.classify_many(images * 10, in_flight=40))
    assert server.exit_status() is None
errors = [str(outcome.error) for outcome in outcomes if outcome.error]
print(len(outcomes), "outcomes", len(errors), "errors", errors[:1])
"""


def in_namespace(command: str) -> list[str]:
    """Root, or a user who may have a namespace of his own."""
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    mount = "mount -t tmpfs -o size=48m tmpfs /dev/shm"
    return ["unshare", *own, "--mount", "sh", "-c", f"{mount} && {command}"]


def test_a_burst_that_does_not_fit_at_once_is_answered_in_the_end() -> None:
    """40 images of up to 15 MB at once; /dev/shm has 48 MB. Without further tries two thirds of
    them fail (measured: 85 of 120)."""
    try:
        able = subprocess.run(in_namespace("true"), capture_output=True, check=False).returncode
    except FileNotFoundError:
        able = 1
    if able != 0:
        pytest.skip("this user may not mount a /dev/shm of its own (unshare --mount)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client"), "RUN": RUN}
    done = subprocess.run(
        in_namespace(f'{sys.executable} -c "$RUN"'),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("40 outcomes 0 errors []"), done.stdout
