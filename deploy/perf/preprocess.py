"""Compares what each step of decoding costs, now and at an earlier commit, on the same files.

    python deploy/perf/preprocess.py --images FOLDER --before COMMIT

Prints one JSON object: milliseconds of processor time a field, medians over the files, of both
versions, and how far their masks, pixels and quality values are from one another. The two take
turns file by file, so what else the machine does weighs on both alike.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from images import find

from allclient import heap

ROOT = Path(__file__).resolve().parents[2]
MODEL = "model_repository/preprocess/1"
ROUNDS = 5


def main() -> None:
    """Compare the versions named on the command line over a folder of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="Of the images, spread over all of them.")
    parser.add_argument("--before", required=True, help="A commit that has the model.")
    options = parser.parse_args()
    # As in the server's processes.
    heap.limit()
    cv2.setNumThreads(1)
    files = [path.read_bytes() for path in find(options.images, options.limit)]
    with earlier(options.before) as folder:
        versions = {"before": Version(folder), "now": Version(ROOT / MODEL)}
        print(json.dumps(compared(versions, files), indent=2))


@contextmanager
def earlier(commit: str, part: str = MODEL) -> Iterator[Path]:
    """Return a part of the project as it was at a commit: the model's folder, or ``part``."""
    command = ["git", "-C", str(ROOT), "archive", commit, part]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder) / part


class Version:
    """One version of the model's files, beside others of the same names."""

    def __init__(self, folder: Path) -> None:
        names = [path.stem for path in folder.glob("*.py") if path.stem != "model"]
        sys.path.insert(0, str(folder))
        try:
            self._modules = {name: importlib.import_module(name) for name in names}
        finally:
            sys.path.remove(str(folder))
            for name in names:
                sys.modules.pop(name, None)

    def steps(self, data: bytes) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield name and call of each step, and at last of all together."""
        pixels, nuclei, quality, density = (
            self._modules[name]
            for name in ("pixels", "smear_nuclei", "smear_quality", "smear_density")
        )
        seen = pixels.field(data)
        nuclei_found = nuclei.find(seen.rgb)
        if hasattr(density, "show"):
            render = partial(density.show, nuclei_found.light, nuclei_found.around)
        else:  # as it was before the light of a field was measured once
            render = partial(density.render, seen.rgb, nuclei_found.mask, nuclei_found.levels)
        yield "decode and squash", lambda: pixels.field(data)
        yield "nuclei", lambda: nuclei.find(seen.rgb)
        yield "quality", lambda: quality.measure(seen.rgb, seen.pages, nuclei_found)
        yield "rendering", render
        yield "all", lambda: pixels.decode(data)

    def decoded(self, data: bytes) -> tuple[Any, Any]:
        """Return the answer, and the mask of nuclei."""
        pixels: ModuleType = self._modules["pixels"]
        mask = self._modules["smear_nuclei"].mask(pixels.field(data).rgb)
        return pixels.decode(data), mask


def compared(versions: dict[str, Version], files: list[bytes]) -> dict[str, Any]:
    """Return times, overlaps of masks and differences of quality between two versions."""
    times: dict[str, dict[str, list[float]]] = {}
    overlaps, apart, quality = [], [], []
    for data in files:
        for name, version in versions.items():
            for step, call in version.steps(data):
                times.setdefault(step, {}).setdefault(name, []).append(milliseconds(call))
        (old, old_mask), (new, new_mask) = (one.decoded(data) for one in versions.values())
        union = np.count_nonzero(old_mask | new_mask)
        overlaps.append(np.count_nonzero(old_mask & new_mask) / union if union else 1.0)
        apart.append(np.abs(old.pixels.astype(int) - new.pixels).max())
        # A version may measure more than the other: new values come last.
        before, after = (
            one.quality[: min(len(old.quality), len(new.quality))] for one in (old, new)
        )
        quality.append(np.abs(before - after) / np.maximum(np.abs(before), 1e-3))
    return {
        "files": len(files),
        "milliseconds": {
            step: {name: round(float(np.median(values)), 3) for name, values in each.items()}
            for step, each in times.items()
        },
        "lowest_overlap_of_masks": float(np.min(overlaps)),
        "files_with_other_masks": int(np.count_nonzero(np.array(overlaps) < 1)),
        "largest_difference_of_pixels": int(np.max(apart)),
        "files_with_other_pixels": int(np.count_nonzero(apart)),
        "largest_relative_difference_of_quality": float(np.max(quality)),
    }


def milliseconds(call: Callable[[], Any]) -> float:
    """Return the processor time of the quickest of a few calls."""
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        call()
        taken.append((time.process_time_ns() - started) / 1e6)
    return min(taken)


if __name__ == "__main__":
    main()
