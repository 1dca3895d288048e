"""Measures the backbones without a server: the ceiling in OpenVINO, and Keras as most would run it.

    python deploy/perf/engines.py ceiling --repository model_repository --images FOLDER
    python deploy/perf/engines.py bare    --repository model_repository --images FOLDER
    python deploy/perf/engines.py keras   --masters training/masters    --images FOLDER

Each prints one JSON object. A process of its own for each: thread pools would share their cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from images import find

BACKBONES = ("mobilenet", "xception", "inception_v3")
BATCHES = (1, 4, 8, 16, 32)


def main() -> None:
    """Measure what the command line names, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["ceiling", "bare", "keras"])
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--masters", type=Path, default=Path("training/masters"))
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    files = [path.read_bytes() for path in find(options.images, 64)]
    if options.what == "ceiling":
        results = ceiling(options.repository, decoded(files), options.seconds)
    elif options.what == "bare":
        results = bare(options.repository, files, options.seconds)
    else:
        results = keras_predict(options.masters, decoded(files), options.seconds)
    print(json.dumps(results))


def decoded(files: list[bytes]) -> npt.NDArray[Any]:
    """Return what the backbones see of the files, uint8 [n, 224, 224, 3]."""
    from toolkit import served

    return np.stack([served.pixels.decode(file).pixels for file in files])


def ceiling(repository: Path, pixels: npt.NDArray[Any], seconds: float) -> dict[str, Any]:
    """Return the images a second through all three compiled backbones, with the best of a grid.

    Streams are parallel inferences of one backbone. With several, each backbone has a queue of
    requests and all three queues are filled at once. Backbones are compiled for their batch.
    """
    cores = len(os.sched_getaffinity(0))
    tried: list[dict[str, Any]] = []
    for streams, batch in itertools.product(sorted({1, cores}), BATCHES):
        settings = {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(cores)}
        rate = _rate(repository, settings, streams, pixels, batch, seconds / 4)
        tried.append({"images_per_second": rate, "batch": batch, **settings})
    best = max(tried, key=lambda one: one["images_per_second"])
    settings = {key: value for key, value in best.items() if key.isupper()}
    streams, batch = int(best["NUM_STREAMS"]), best["batch"]
    again = _rate(repository, settings, streams, pixels, batch, seconds)
    return {**best, "images_per_second": again, "tried": tried}


def _rate(
    repository: Path,
    settings: dict[str, str],
    streams: int,
    pixels: npt.NDArray[Any],
    batch: int,
    seconds: float,
) -> float:
    import openvino as ov

    queues = [
        ov.AsyncInferQueue(compiled, streams) for compiled in _compiled(repository, settings, batch)
    ]
    parts = [pixels[i : i + batch] for i in range(0, len(pixels) - batch + 1, batch)]

    def once(part: npt.NDArray[Any]) -> None:
        for queue in queues:
            queue.start_async({"PIXELS": part}, share_inputs=True)

    for part in parts[:2]:
        once(part)
    for queue in queues:
        queue.wait_all()
    images, begun = 0, time.perf_counter()
    for part in itertools.cycle(parts):
        once(part)
        images += batch
        if time.perf_counter() - begun >= seconds:
            break
    for queue in queues:
        queue.wait_all()
    return images / (time.perf_counter() - begun)


def _compiled(repository: Path, settings: dict[str, str], batch: int = 1) -> list[Any]:
    """Compile the backbones for this batch alone, which is quicker than for any size."""
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", **settings}
    models = [core.read_model(repository / name / "1" / "model.xml") for name in BACKBONES]
    for model in models:
        model.reshape([batch, *model.inputs[0].get_partial_shape()[1:]])
    return [core.compile_model(model, "CPU", settings) for model in models]


def bare(repository: Path, files: list[bytes], seconds: float) -> dict[str, Any]:
    """Time one image at a time: its decoding, then the backbones one by one or side by side."""
    from toolkit.served import pixels

    cores = len(os.sched_getaffinity(0))
    prepared = [pixels.decode(file).pixels[None] for file in files]
    results: dict[str, Any] = {"decode_ms": _median_ms(pixels.decode, files, seconds / 5)}
    for threads in sorted({1, cores}):
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(threads)}
        requests = [compiled.create_infer_request() for compiled in _compiled(repository, settings)]

        def in_turn(image: npt.NDArray[Any], requests: list[Any] = requests) -> None:
            for request in requests:
                request.infer({"PIXELS": image}, share_inputs=True)

        def together(image: npt.NDArray[Any], requests: list[Any] = requests) -> None:
            for request in requests:
                request.start_async({"PIXELS": image}, share_inputs=True)
            for request in requests:
                request.wait()

        for name, way in (("in_turn", in_turn), ("together", together)):
            results[f"{name}_{threads}_threads_ms"] = _median_ms(way, prepared, seconds / 5)
        if threads == 1:
            results["each_ms"] = {
                name: _median_ms(one.infer, [{"PIXELS": image} for image in prepared], seconds / 5)
                for name, one in zip(BACKBONES, requests, strict=True)
            }
    results["networks_ms"] = min(
        value for key, value in results.items() if key.endswith("threads_ms")
    )
    return results


def _median_ms(call: Callable[[Any], object], items: list[Any], seconds: float) -> float:
    for item in items[:3]:
        call(item)
    times, until = [], time.perf_counter() + seconds
    for item in itertools.cycle(items):
        begun = time.perf_counter()
        call(item)
        times.append(time.perf_counter() - begun)
        if time.perf_counter() >= until and len(times) >= 5:
            return statistics.median(times) * 1000
    raise AssertionError("items is never empty")


def keras_predict(masters: Path, pixels: npt.NDArray[Any], seconds: float) -> dict[str, Any]:
    """Time ``Model.predict`` of the three masters one after another, as in the paper's stack."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    models = [keras.saving.load_model(masters / f"{b}.keras", compile=False) for b in BACKBONES]
    results = {}
    for batch in (1, 32):
        part = pixels[:batch]
        for model in models:
            model.predict(part, verbose=0)
        images, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            for model in models:
                model.predict(part, verbose=0)
            images += len(part)
        results[f"batch_{batch}"] = images / (time.perf_counter() - begun)
    return {"images_per_second": max(results.values()), **results}


if __name__ == "__main__":
    main()
