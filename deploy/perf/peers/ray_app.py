"""Ray Serve: one replica with its batching; the image is the body of the request."""

from __future__ import annotations

import signal
from typing import Any

import ray
from common import BATCH, PORT, WAIT, Ensemble, networks
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Classifier:
    def __init__(self) -> None:
        self.ensemble = Ensemble(networks())

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def classify(self, images: list[bytes]) -> list[dict[str, Any]]:
        return self.ensemble(images)

    async def __call__(self, request: Request) -> dict[str, Any]:
        return await self.classify(await request.body())


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Classifier.bind())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
