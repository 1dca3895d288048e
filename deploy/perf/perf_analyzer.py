"""Runs NVIDIA's perf_analyzer against all_ensemble: throughput and latency over gRPC.

    python deploy/perf/perf_analyzer.py --images FOLDER [--server HOST:PORT] [--concurrency 1 4 16]

Gets the tool into an environment of its own (deploy/perf/.venv), turns the images into its input
data, starts the embedded server unless one is named, and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack
from pathlib import Path

from images import find as find_images

from allclient.contract import CASCADE, ENSEMBLE
from allclient.local import LocalServer, binaries

ENVIRONMENT = Path(__file__).with_name(".venv")
# The last tritonclient whose perf_analyzer runs with glibc 2.35; it needs CUDA's runtime library
# also where there is no GPU. Its own dependencies are not needed: only the program is run.
PACKAGES = ("tritonclient==2.50.0", "nvidia-cuda-runtime-cu12==12.6.77")
COLUMNS = {
    "concurrency": "Concurrency",
    "images/s": "Inferences/Second",
    "p50 ms": "p50 latency",
    "p90 ms": "p90 latency",
    "p95 ms": "p95 latency",
    "p99 ms": "p99 latency",
}
"""Ours, and perf_analyzer's, whose latencies are in microseconds."""


def main() -> None:
    """Measure at each concurrency, and print a table."""
    options = parse()
    images = find_images(options.images, options.limit)
    program, variables = get_tool()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perf-")))
        data = folder / "images.json"
        data.write_text(json.dumps(input_data(images)), encoding="utf-8")
        address = options.server
        if address is None:
            address = stack.enter_context(LocalServer(flavour=options.flavour)).grpc_address
        rows = []
        for concurrency in options.concurrency:
            rows.append(
                measure(
                    program,
                    variables,
                    model=options.model,
                    address=address,
                    data=data,
                    concurrency=concurrency,
                    seconds=options.seconds,
                    report=folder / f"{concurrency}.csv",
                )
            )
    table = markdown(rows)
    print(table)
    if options.output:
        options.output.write_text(table + "\n", encoding="utf-8")


def measure(
    program: Path,
    variables: dict[str, str],
    *,
    model: str,
    address: str,
    data: Path,
    concurrency: int,
    seconds: float,
    report: Path,
) -> dict[str, float]:
    """Measure once at one concurrency; return the values of COLUMNS."""
    command = [str(program), "-m", model, "-i", "grpc", "-u", address]
    command += ["--input-data", str(data), "-b", "1"]
    command += ["--concurrency-range", str(concurrency), "-f", str(report)]
    command += ["--measurement-interval", str(int(seconds * 1000))]
    # Stable means: three windows in a row within 15 %; shared machines are no quieter.
    command += ["--stability-percentage", "15", "--max-trials", "12"]
    run(command, variables)
    return read_report(report)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of images, any depth")
    parser.add_argument("--limit", type=int, default=200, help="use so many of them (200)")
    parser.add_argument("--server", metavar="HOST:PORT", help="gRPC; without it, one is started")
    parser.add_argument("--flavour", help="of the server that is started")
    parser.add_argument("--model", choices=[ENSEMBLE, CASCADE], default=ENSEMBLE)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement window (5)")
    parser.add_argument("--output", type=Path, help="write the table to this file, too")
    return parser.parse_args()


def input_data(images: list[Path]) -> dict[str, list[dict[str, object]]]:
    """Return perf_analyzer's JSON: a BYTES value starts with its length, 4 bytes, least first."""
    return {"data": [{"IMAGE": {"b64": encode(path.read_bytes())}} for path in images]}


def encode(image: bytes) -> str:
    """Return the value of one image in base64."""
    return base64.b64encode(len(image).to_bytes(4, "little") + image).decode("ascii")


def get_tool() -> tuple[Path, dict[str, str]]:
    """Return perf_analyzer and the environment variables it runs with."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("perf_analyzer comes for Linux on x86_64 only; its container runs elsewhere")
    program = ENVIRONMENT / "bin" / "perf_analyzer"
    if not program.exists():
        print("getting perf_analyzer ...", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--no-deps", "-q"]
        subprocess.run([*pip, "--disable-pip-version-check", *PACKAGES], check=True)
    libraries = ENVIRONMENT / "lib-for-perf"
    libraries.mkdir(exist_ok=True)
    for library in [
        *ENVIRONMENT.glob("lib/python3.*/site-packages/nvidia/cuda_runtime/lib/*.so.*")
    ]:
        link(libraries / library.name, library)
    # libb64 is a Debian package; the embedded server's wheel carries a copy of the same library.
    for library in binaries.find().libraries.glob("libb64-*.so.0d"):
        link(libraries / "libb64.so.0d", library)
    return program, {**os.environ, "LD_LIBRARY_PATH": str(libraries)}


def link(name: Path, target: Path) -> None:
    """Make a link; one that is there is replaced."""
    name.unlink(missing_ok=True)
    name.symlink_to(target)


def run(command: list[str], variables: dict[str, str]) -> None:
    """Run a command; end the program with its output if it fails."""
    print(" ".join(command[:9]), "...", command[-1], file=sys.stderr)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"perf_analyzer failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    if unsteady := re.search(r"Failed to obtain stable measurement.*", done.stdout + done.stderr):
        print(unsteady[0], file=sys.stderr)


def read_report(report: Path) -> dict[str, float]:
    """Return the columns of perf_analyzer's report, in our names and units."""
    with report.open(newline="", encoding="utf-8") as lines:
        row = next(csv.DictReader(lines))
    return {
        ours: float(row[column]) / (1000.0 if ours.endswith("ms") else 1.0)
        for ours, column in COLUMNS.items()
    }


def markdown(rows: list[dict[str, float]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| ---: " * len(COLUMNS) + "|"]
    for row in rows:
        cells = [
            f"{row[name]:.0f}" if name != "images/s" else f"{row[name]:.1f}" for name in COLUMNS
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
