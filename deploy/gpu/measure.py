"""Measures the embedded server on a GPU: what it runs on, whether it answers alike, how fast.

    python -m convert onnx --all
    python -m convert repository --flavour gpu_onnx --out models
    python deploy/gpu/measure.py --models models --images FOLDER --output gpu.json

For a machine with one NVIDIA GPU, driver 580 or newer and CUDA 13, and an environment with
'allclient[gpu]'. It installs nothing. Without `--server` it starts the embedded server; one that
runs has to share memory with its clients (`allclient serve --allow shared-memory`).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import load
import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton

from allclient.contract import BACKBONES, ENSEMBLE, IMAGE_SUFFIXES, SIDE
from allclient.local import LocalServer

ROOT = Path(__file__).resolve().parents[2]
END_TO_END, BACKBONES_ALONE = 5000.0, 8000.0
"""The goals, in images a second."""

PACKAGES = ("allclient", "nvidia-pytriton", "numpy", "onnxruntime", "onnxruntime-gpu")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the results as JSON."""
    options = parse(arguments)
    images = read_images(options.images, options.limit)
    report: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "images": {"count": len(images), "mean_bytes": int(np.mean([len(i) for i in images]))},
    }
    with ExitStack() as stack:
        address = options.server
        if address is None:
            server = stack.enter_context(
                LocalServer(
                    options.models,
                    options.flavour,
                    ready_timeout=options.ready_timeout,
                    allow=["shared-memory"],
                )
            )
            address = server.grpc_address
            report["server"] = {"flavour": options.flavour, "runs_on": server.providers()}
            say(f"served: {report['server']}")
        if options.models is not None:
            report["parity"] = parity(address, options.models, pixels_of(images))
            say(f"parity: {report['parity']}")
        report["end_to_end"] = [
            told(
                load.run(
                    load.Work(address, ENSEMBLE, tuple(images)),
                    concurrency,
                    options.seconds,
                    options.processes,
                )
            )
            for concurrency in options.concurrency
        ]
        decoding = load.Work(address, "preprocess", tuple(images))
        report["preprocess_alone"] = told(
            load.run(decoding, max(options.concurrency), options.seconds, options.processes)
        )
        report["backbones_alone"] = backbones_alone(address, images, options)
    report["goals"] = goals(report)
    text = json.dumps(report, indent=2) + "\n"
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text, encoding="utf-8")
        say(f"{options.output} written")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of images, any depth")
    parser.add_argument("--limit", type=int, default=200, help="use so many of them (200)")
    parser.add_argument("--models", type=Path, help="repository with the ONNX files; for parity")
    parser.add_argument("--flavour", default="gpu_onnx", help="of the server started (gpu_onnx)")
    parser.add_argument("--server", metavar="HOST:PORT", help="gRPC; without it, one is started")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--batch", type=int, default=64, help="of the backbones alone (64)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (20)")
    parser.add_argument(
        "--processes",
        type=int,
        default=max(1, (os.cpu_count() or 2) // 4),
        help="that make the load (a quarter of the cores)",
    )
    parser.add_argument("--ready-timeout", type=float, default=600.0, help="for the start (600)")
    parser.add_argument("--output", type=Path, help="JSON file; else standard output")
    options = parser.parse_args(arguments)
    if options.server is None and options.models is None:
        parser.error("name a server that runs (--server) or what to serve (--models)")
    return options


def read_images(folder: Path, limit: int) -> list[bytes]:
    """Return at most ``limit`` encoded images of a folder, spread evenly over it."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        sys.exit(f"{folder} has no image; `python -m samples render --out {folder}` draws some")
    step = max(len(paths) / limit, 1.0)
    return [paths[int(i * step)].read_bytes() for i in range(min(limit, len(paths)))]


def pixels_of(images: list[bytes]) -> npt.NDArray[Any]:
    """Return what the backbones see, uint8 [n, 224, 224, 3], by the repository's preprocessing."""
    pixels = served("preprocess", "pixels")
    return np.stack([pixels.decode(image).pixels for image in images])


def served(model: str, name: str) -> Any:
    """Import a pure file of the model repository, as the server does."""
    folder = str(ROOT / "model_repository" / model / "1")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def parity(address: str, models: Path, pixels: npt.NDArray[Any]) -> dict[str, Any]:
    """Compare the served backbones with the same ONNX files on ONNX Runtime's CPU provider."""
    import onnxruntime as ort

    softmax = served("vote", "majority").softmax
    distances = {}
    with triton.InferenceServerClient(address) as client:
        for backbone in (backbone.value for backbone in BACKBONES):
            path = models / backbone / "1" / "model.onnx"
            session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            answered, expected = [], []
            for start in range(0, len(pixels), 16):
                batch = pixels[start : start + 16]
                tensor = triton.InferInput("PIXELS", list(batch.shape), "UINT8")
                tensor.set_data_from_numpy(batch)
                answered.append(client.infer(backbone, [tensor]).as_numpy("LOGITS"))
                expected.append(session.run(["LOGITS"], {"PIXELS": batch})[0])
            one, other = softmax(np.concatenate(answered)), softmax(np.concatenate(expected))
            distances[backbone] = {
                "images": len(pixels),
                "max_abs": float(np.abs(one - other).max()),
                "mean_abs": float(np.abs(one - other).mean()),
                "equal_argmax": float((one.argmax(1) == other.argmax(1)).mean()),
            }
    return distances


def backbones_alone(
    address: str, images: list[bytes], options: argparse.Namespace
) -> dict[str, Any]:
    """Load all three backbones at once with batches in shared memory.

    Two requests of each are in flight.

    ``images_per_second`` is that of the slowest: an image is done when all three have seen it.
    """
    pixels = np.resize(pixels_of(images[: options.batch]), (options.batch, SIDE, SIDE, 3))
    with load.region(address, pixels) as region:
        works = [load.Work(address, b.value, region, options.batch) for b in BACKBONES]
        measured = load.run_all(works, 2, options.seconds, 1)
    each = [told(load.summary(work, 2, one)) for work, one in zip(works, measured, strict=True)]
    return {"each": each, "images_per_second": min(one["images_per_second"] for one in each)}


def goals(report: dict[str, Any]) -> dict[str, Any]:
    """Return whether each goal was reached by a measurement in which no request failed."""
    rows = [row["images_per_second"] for row in report["end_to_end"] if row["errors"] == 0]
    alone = report["backbones_alone"]
    clean = all(one["errors"] == 0 for one in alone["each"])
    results = {
        "end_to_end": (END_TO_END, max(rows, default=0.0)),
        "backbones_alone": (BACKBONES_ALONE, alone["images_per_second"] if clean else 0.0),
    }
    return {
        name: {"goal": goal, "found": value, "met": value >= goal}
        for name, (goal, value) in results.items()
    }


def machine() -> dict[str, Any]:
    """Return what machine and software the numbers belong to."""
    packages: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = None
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "gpu": output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv"),
        "packages": packages,
        "commit": output("git", "-C", str(ROOT), "rev-parse", "HEAD"),
    }


def cpu_name() -> str:
    """Return what the processor calls itself."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def output(*command: str) -> str | None:
    """Return the output of a program; None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Print one measurement; return it."""
    say(
        f"{row['model']}: {row['concurrency']} in flight, {row['images_per_second']:.1f} images/s, "
        f"p50 {row['p50_ms'] or 0:.0f} ms, p99 {row['p99_ms'] or 0:.0f} ms, {row['errors']} errors"
    )
    return row


def say(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
