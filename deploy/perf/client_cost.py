"""Measures what allclient itself costs: wall and processor time, memory, start."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import images
import loads
import numpy as np
from PIL import Image

from allclient import Client
from allclient.contract import ENSEMBLE
from allclient.load import closed_loop
from allclient.local import LocalServer
from allclient.transport import Connection
from allclient.transport.raw import RawCalls

PROGRAM = [sys.executable, "-m", "allclient"]
REPEATS = 5


@dataclass(frozen=True)
class Run:
    """One run of the command line."""

    wall: float
    cpu: float
    rss_mb: float
    """Largest resident memory."""
    first: float | None
    """Seconds to the first byte of its output."""


def measure(repository: Path, folder: Path, work: Path, files: int) -> dict[str, Any]:
    """Measure the command line over ``files`` files, and its memory, start and large images."""
    results: dict[str, Any] = {}
    results["help_s"] = statistics.median(run(["--help"], read=True).wall for _ in range(REPEATS))
    one = str(images.find(folder, 1)[0])
    classify = ["classify", "--format", "jsonl"]
    repository_option = ["--model-repository", str(repository)]
    starts = [run([*classify, one, *repository_option], read=True) for _ in range(REPEATS)]
    results["first_result_s"] = [start.first for start in starts]
    many = linked(images.find(folder), work / "files", files)
    with LocalServer(repository) as server:
        address = ["--server", server.grpc_address]
        short = [run([*classify, one, *address], read=True).wall for _ in range(REPEATS)]
        before = throughput(server, folder)
        spent = loads.cpu_seconds(server.pid)
        output = work / "answers.jsonl"
        long = run([*classify, str(many), *address, "--output", str(output), "--overwrite"])
        spent = loads.cpu_seconds(server.pid) - spent
        after = throughput(server, folder)
        results["files"] = {
            "count": files,
            "wall_s": long.wall,
            "client_cpu_s": long.cpu,
            "server_cpu_s": spent,
            "client_rss_mb": long.rss_mb,
            "one_file_s": statistics.median(short),
            "server_images_per_second": [before, after],
        }
        results["large"] = large(server, folder, work, address)
        results["memory_mb"] = {
            str(count): run([*classify, "-", *address], paths=missing(count)).rss_mb
            for count in (1_000, 1_000_000)
        }
    rate = statistics.mean([before, after])
    results["ratios"] = {
        "cli_over_server": long.wall / (files / rate + statistics.median(short)),
        "client_cpu_over_server": long.cpu / spent,
        "client_memory_mb": long.rss_mb,
        "client_memory_mb_million_paths": results["memory_mb"]["1000000"],
        "client_memory_mb_thousand_paths": results["memory_mb"]["1000"],
        "first_result_s": statistics.median(start.first or start.wall for start in starts),
        "help_s": results["help_s"],
    }
    return results


def run(arguments: list[str], *, read: bool = False, paths: Iterator[bytes] | None = None) -> Run:
    """Run the command line to its end; ``read`` notes when the first byte of its output comes.

    Files that fail are an answer, too (exit code 1); anything else is not.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.PIPE if paths is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE if read else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watch = _Watch(process.pid)
    watch.start()
    first = None
    if read:
        assert process.stdout is not None
        if process.stdout.read(1):
            first = time.perf_counter() - begun
        process.stdout.read()
        process.stdout.close()
    if paths is not None:
        assert process.stdin is not None
        for path in paths:
            process.stdin.write(path)
        process.stdin.close()
    # Not os.wait4 at once: the last look at its memory has to come before it is reaped.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall = time.perf_counter() - begun
    watch.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"allclient {' '.join(arguments)} ended with {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, watch.peak_mb, first)


class _Watch(threading.Thread):
    """Watches the largest resident memory of a process, by the kernel's own mark.

    The ru_maxrss of a child is no less than what its parent held when it was made; VmHWM is its
    own, and is looked at until the process ends.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self.peak_mb = 0.0

    def run(self) -> None:
        while True:
            lines = self._status.read_text().splitlines()
            marks = [line.split()[1] for line in lines if line.startswith("VmHWM")]
            if not marks:  # it has ended, and is waited for
                return
            self.peak_mb = int(marks[0]) * 1024 / 1e6
            time.sleep(0.02)


def missing(count: int) -> Iterator[bytes]:
    """Yield the paths that name no file: all of the client's own work for an image but the call."""
    for number in range(count):
        yield b"no-such-folder/field-%08d.jpg\n" % number


def linked(paths: list[Path], folder: Path, count: int) -> Path:
    """Make a folder of ``count`` names for the images: links, as one path is classified once."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number in range(count):
        path = paths[number % len(paths)].resolve()
        (folder / f"field-{number:07d}{path.suffix}").symlink_to(path)
    return folder


def throughput(server: LocalServer, folder: Path) -> float:
    """Return the images a second of a server with 32 in flight."""
    sent = [path.read_bytes() for path in images.find(folder, 200)]
    calls = RawCalls(Connection(server.grpc_address, ENSEMBLE), sent)
    load = closed_loop(lambda: calls.send, concurrency=32, seconds=15, warmup=3)
    calls.close()
    return load.throughput


def large(server: LocalServer, folder: Path, work: Path, address: list[str]) -> dict[str, Any]:
    """Time a 20-megapixel JPEG and a 100-megapixel TIFF, alone and beside small images."""
    small = [path.read_bytes() for path in images.find(folder, 32)]
    results: dict[str, Any] = {}
    calls = RawCalls(Connection(server.grpc_address, ENSEMBLE), small)

    def load() -> dict[str, Any]:
        return closed_loop(lambda: calls.send, concurrency=8, seconds=10, warmup=2).as_json()

    results["small_alone"] = load()
    source = Image.open(images.find(folder, 1)[0]).convert("RGB")
    for name, size in (("20mp.jpg", (5472, 3648)), ("100mp.tif", (10_000, 10_000))):
        path = work / name
        if not path.exists():
            _enlarged(source, size).save(path)
        before = loads.pss_megabytes(server.pid)
        done = run(["classify", "--format", "jsonl", str(path), *address], read=True)
        results[name] = {
            "file_mb": path.stat().st_size / 1e6,
            "wall_s": done.wall,
            "client_rss_mb": done.rss_mb,
            "server_pss_mb_before_and_after": [before, loads.pss_megabytes(server.pid)],
        }
        stop = threading.Event()
        sent = [0]

        def keep_sending(
            path: Path = path, stop: threading.Event = stop, sent: list[int] = sent
        ) -> None:
            with Client(server.grpc_address) as client:
                while not stop.is_set():
                    client.classify(path)
                    sent[0] += 1

        thread = threading.Thread(target=keep_sending)
        thread.start()
        results[name]["small_beside_it"] = load()
        stop.set()
        thread.join()
        results[name]["sent_meanwhile"] = sent[0]
    calls.close()
    return results


def _enlarged(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the picture in another size, with noise as of a camera, which JPEG must keep."""
    pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    noise = np.random.default_rng(0).integers(0, 6, pixels.shape, dtype=np.uint8)
    return Image.fromarray(np.minimum(pixels, 249) + noise)
