"""Holds what every peer runs: the repository's decoding, backbones and vote, in one process.

The repository's folder comes in MODELS. Threads and streams are OpenVINO's, from THREADS and
STREAMS; without them OpenVINO chooses for the lowest latency: one stream that uses all cores.

A batch is one call, as every server's guides have it. With ONE_BY_ONE=1 it is computed as the
embedded server's backend does it: in backbones compiled for one image, an image a thread.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MODELS = Path(os.environ["MODELS"])
PORT = int(os.environ["PORT"])
BATCH = int(os.environ.get("BATCH", "16"))
WAIT = float(os.environ.get("WAIT", "0.002"))
"""Seconds that a batch waits for more."""

for _model in ("preprocess", "vote"):
    sys.path.insert(0, str(MODELS / _model / "1"))

import majority  # noqa: E402
import pixels  # noqa: E402


def _settings(hint: str) -> dict[str, str]:
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": hint}
    if threads := os.environ.get("THREADS"):
        settings["INFERENCE_NUM_THREADS"] = threads
    if streams := os.environ.get("STREAMS"):
        settings["NUM_STREAMS"] = streams
    return settings


class Backbones:
    """The three voters in OpenVINO: pixels uint8 [n, 224, 224, 3] -> LOGITS and CAM of each."""

    def __init__(self) -> None:
        import openvino as ov

        core = ov.Core()
        settings = _settings("LATENCY")
        self._requests = [
            core.compile_model(
                MODELS / name / "1" / "model.xml", "CPU", settings
            ).create_infer_request()
            for name in majority.BACKBONES
        ]

    def __call__(self, batch: npt.NDArray[Any]) -> list[dict[str, npt.NDArray[Any]]]:
        """Return LOGITS and CAM of each voter for a batch."""
        answers = []
        for request in self._requests:
            request.infer({"PIXELS": batch}, share_inputs=True)
            answers.append(
                {name: request.get_tensor(name).data.copy() for name in ("LOGITS", "CAM")}
            )
        return answers


class OneByOne:
    """The three voters computed an image at a time, as the embedded server's backend does."""

    def __init__(self) -> None:
        import openvino as ov

        core = ov.Core()
        self._alone: list[Any] = []
        self._several: list[Any] = []
        for name in majority.BACKBONES:
            model = core.read_model(MODELS / name / "1" / "model.xml")
            model.reshape([1, *model.inputs[0].get_partial_shape()[1:]])
            for hint, queues in (("LATENCY", self._alone), ("THROUGHPUT", self._several)):
                settings = {**_settings(hint), "ENABLE_CPU_PINNING": "NO"}
                compiled = core.compile_model(model, "CPU", settings)
                queue = ov.AsyncInferQueue(compiled)
                queue.set_callback(_keep)
                queues.append(queue)

    def __call__(self, batch: npt.NDArray[Any]) -> list[dict[str, npt.NDArray[Any]]]:
        """Return LOGITS and CAM of each voter for a batch."""
        answers = []
        for queue in self._alone if len(batch) == 1 else self._several:
            parts: list[Any] = [None] * len(batch)
            for place in range(len(batch)):
                image = {"PIXELS": batch[place : place + 1]}
                queue.start_async(image, (parts, place), share_inputs=True)
            queue.wait_all()
            answers.append(
                {name: np.concatenate([part[name] for part in parts]) for name in ("LOGITS", "CAM")}
            )
        return answers


def _keep(request: Any, where: tuple[list[Any], int]) -> None:
    parts, place = where
    parts[place] = {name: request.get_tensor(name).data.copy() for name in ("LOGITS", "CAM")}


def backbones() -> Backbones | OneByOne:
    """Return the backbones as ONE_BY_ONE says."""
    return OneByOne() if os.environ.get("ONE_BY_ONE") == "1" else Backbones()


class Ensemble:
    """The whole way from encoded files to answers."""

    def __init__(self, backbones: Any) -> None:
        self.backbones = backbones
        self.policy = majority.Policy.load(MODELS / "vote" / "1" / "policy.json")
        # Pillow lets go of the interpreter while it decodes.
        self.decoders = ThreadPoolExecutor(os.cpu_count())

    def __call__(self, files: list[bytes]) -> list[dict[str, Any]]:
        """Return the answer to each encoded file."""
        decoded = list(self.decoders.map(_decoded, files))
        whole = [one for one in decoded if isinstance(one, pixels.Decoded)]
        answers = iter(self._answers(whole) if whole else [])
        return [
            next(answers) if isinstance(one, pixels.Decoded) else {"error": str(one)}
            for one in decoded
        ]

    def _answers(self, decoded: list[Any]) -> list[dict[str, Any]]:
        by_backbone = self.backbones(np.stack([one.pixels for one in decoded]))
        return [
            _as_json(
                majority.decide(
                    np.stack([outputs["LOGITS"][index] for outputs in by_backbone]),
                    [outputs["CAM"][index] for outputs in by_backbone],
                    one.quality,
                    self.policy,
                )
            )
            for index, one in enumerate(decoded)
        ]


def _decoded(file: bytes) -> Any:
    try:
        return pixels.decode(file)
    except pixels.ImageError as error:
        return error


def _as_json(decision: Any) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in decision._asdict().items()
    }
