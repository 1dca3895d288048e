"""LitServe: one worker, which batches; the image comes as base64 in JSON, as its guides do it."""

from __future__ import annotations

import base64

import litserve
from common import BATCH, PORT, WAIT, Ensemble, networks


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.ensemble = Ensemble(networks())

    def decode_request(self, request: dict) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, inputs: list[bytes]) -> list[dict]:
        return self.ensemble(inputs)

    def unbatch(self, outputs: list[dict]) -> list[dict]:
        return outputs

    def encode_response(self, output: dict) -> dict:
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=WAIT)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
