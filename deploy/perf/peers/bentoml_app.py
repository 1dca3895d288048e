"""Serves with BentoML: one worker with its adaptive batching; the image is base64 in JSON."""

from __future__ import annotations

import base64
from typing import Any

import bentoml
from common import BATCH, Ensemble, backbones


@bentoml.service(workers=1, traffic={"timeout": 120, "concurrency": 256})
class Classifier:
    """The service."""

    def __init__(self) -> None:
        self.ensemble = Ensemble(backbones())

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
    def classify(self, images: list[str]) -> list[dict[str, Any]]:
        """Return the answers to a batch of images in base64."""
        return self.ensemble([base64.b64decode(image) for image in images])
