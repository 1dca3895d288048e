"""Serves with Ray Serve: one replica with its batching; the image is the body of the request."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import Any

import ray
from common import BATCH, PORT, WAIT, Ensemble, backbones
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Classifier:
    """The service."""

    def __init__(self) -> None:
        self.ensemble = Ensemble(backbones())

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def classify(self, images: list[bytes]) -> list[dict[str, Any]]:
        """Return the answers to a batch of encoded images."""
        return self.ensemble(images)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one image, the body of the request."""
        answer: dict[str, Any] = await self.classify(await request.body())
        return answer


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        # A cluster of its own: "local" never joins one that runs. Ray replaces 127.0.0.1 by the
        # machine's outer address, and may wait for ever with fewer than four CPUs to its name.
        ray.init(
            "local",
            num_cpus=max(4, os.cpu_count() or 1),
            object_store_memory=200_000_000,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.2",
            _temp_dir=folder,
        )
        serve.start(http_options={"host": "127.0.0.1", "port": PORT})
        serve.run(Classifier.bind())  # type: ignore[attr-defined]  # Ray makes a deployment of it
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()
