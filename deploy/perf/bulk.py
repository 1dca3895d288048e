"""Sends a great many files through ``allclient classify --engine ray`` and looks at its memory.

The files are hard links to a few small drawn fields. An embedded Triton answers each of these once;
then stand-ins (``cached_server.py``) give those answers again, so the numbers are of the bulk
engine alone: listing, reading, gRPC, checking, Parquet, cases. They are no speed of the models.

    python deploy/perf/bulk.py --files 1000000 --out docs/benchmarks/bulk.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from images import drawn  # noqa: F401  puts the checkout on the path
from machine import facts

from allclient.contract import ENSEMBLE
from allclient.local import LocalServer

HERE = Path(__file__).parent
FIELDS = 64
HEIGHT = 240
IN_A_CASE = 1000
STEP = 5.0
"""Seconds between two looks at the memory."""


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--part-size", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="where the files are made (a folder of tmp)")
    parser.add_argument("--out", type=Path, help="add the figures to this JSON file")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bulk-", dir=asked.folder))
        )
        images = fields()
        answers = folder / "answers"
        take_down(images, answers)
        link(folder / "in", images, asked.files)
        servers = [stack.enter_context(stand_in(answers)) for _ in range(asked.servers)]
        figures = measure(folder, ",".join(servers), asked)
    print(json.dumps(figures, indent=1))
    if asked.out is not None:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def fields() -> list[bytes]:
    """Draw small fields."""
    from samples import render

    return render.encoded(count=FIELDS, seed=1, height=HEIGHT)


def take_down(images: list[bytes], folder: Path) -> None:
    """Have a real Triton answer each image once, with its cells; write the answers."""
    import grpc
    from cached_server import INFER, key_of
    from tritonclient.grpc import service_pb2

    from allclient.transport.codec import encode

    folder.mkdir()
    with LocalServer(model=ENSEMBLE) as server, grpc.insecure_channel(server.grpc_address) as to:
        infer = to.unary_unary(INFER)
        for image in images:
            (tensor,) = encode(image)
            request = service_pb2.ModelInferRequest(
                model_name=ENSEMBLE,  # no output is named: all are computed
                inputs=[tensor._get_tensor()],
                raw_input_contents=[tensor._get_content()],
            )
            (folder / key_of(image)).write_bytes(infer(request.SerializeToString()))


def link(top: Path, images: list[bytes], count: int) -> None:
    """Make ``count`` names for the images, a thousand in a folder."""
    top.mkdir()
    originals = []
    for number, image in enumerate(images):
        originals.append(top.parent / f"field-{number}.jpg")
        originals[-1].write_bytes(image)
    for number in range(count):
        case = top / f"case-{number // IN_A_CASE:05d}"
        if number % IN_A_CASE == 0:
            case.mkdir()
        (case / f"{number:08d}.jpg").hardlink_to(originals[number % len(originals)])


@contextmanager
def stand_in(answers: Path, limit: float | None = None) -> Iterator[str]:
    """Start a stand-in that gives at most ``limit`` answers a second; yield its address."""
    command = [sys.executable, str(HERE / "cached_server.py"), str(answers)]
    command += [] if limit is None else [str(limit)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measure(folder: Path, servers: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run the command and look at its memory; check that each file has one row."""
    out = folder / "out"
    command = [
        *(sys.executable, "-m", "allclient", "classify", str(folder / "in"), "--recursive"),
        *("--engine", "ray", "--server", servers, "--output", str(out)),
        *("--workers", str(asked.workers), "--part-size", str(asked.part_size)),
    ]
    begun = time.monotonic()
    samples: list[dict[str, float]] = []
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            samples.append({"seconds": time.monotonic() - begun, **memory(process.pid, out)})
            time.sleep(STEP)
    seconds = time.monotonic() - begun
    if process.returncode:
        sys.exit(f"the command ended with {process.returncode}")
    check(out / "fields", asked.files)
    working = [sample for sample in samples if sample["parts"]]
    half, rest = working[: len(working) // 2], working[len(working) // 2 :]
    return {
        "what": "bulk engine over a stand-in that repeats real answers; no speed of the models",
        "files": asked.files,
        "rows": asked.files,
        "servers": asked.servers,
        "workers": asked.workers,
        "seconds": round(seconds, 1),
        "files_per_second": round(asked.files / seconds, 1),
        "peak_mb_first_half": {name: peak(half, name) for name in ("command", "workers")},
        "peak_mb_second_half": {name: peak(rest, name) for name in ("command", "workers")},
        "bytes_per_row": round(size(out / "fields") / asked.files, 1),
        "machine": facts(),
    }


def peak(samples: list[dict[str, float]], name: str) -> float:
    """Return the largest memory of a part of the run in MB."""
    return round(max((sample[name] for sample in samples), default=0.0) / 1e6, 1)


def memory(pid: int, out: Path) -> dict[str, float]:
    """Return the resident memory of the command and of its largest worker, and parts written."""
    command, worker = 0, 0
    try:
        top = psutil.Process(pid)
        command = top.memory_info().rss
        for child in top.children(recursive=True):
            try:
                if "MapWorker" in child.name() or "MapWorker" in " ".join(child.cmdline()):
                    worker = max(worker, child.memory_info().rss)
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    fields = out / "fields"
    parts = sum(1 for _ in fields.iterdir()) if fields.is_dir() else 0
    return {"command": command, "workers": worker, "parts": parts}


def check(fields: Path, count: int) -> None:
    """Check that there are exactly as many rows as files, each with a name of its own."""
    digests = set()
    rows = 0
    for part in sorted(fields.iterdir()):
        for name in pq.read_table(part, columns=["file"]).column("file").to_pylist():
            rows += 1
            digests.add(hashlib.blake2b(name.encode(), digest_size=12).digest())
    if not rows == len(digests) == count:
        sys.exit(f"{rows:,} rows and {len(digests):,} names for {count:,} files")


def size(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    main()
