"""Serves with LitServe: one worker, which batches; the image is base64, as in its guides."""

from __future__ import annotations

import base64
from typing import Any

import litserve
from common import BATCH, PORT, WAIT, Ensemble, backbones


class Api(litserve.LitAPI):
    """The service, in the steps that LitServe calls."""

    def setup(self, device: str) -> None:
        """Load the backbones."""
        self.ensemble = Ensemble(backbones())

    def decode_request(self, request: dict[str, str]) -> bytes:
        """Return the encoded file of a request."""
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Return the batch as it is: a list of files."""
        return inputs

    def predict(self, inputs: list[bytes]) -> list[dict[str, Any]]:
        """Return the answers to a batch."""
        return self.ensemble(inputs)

    def unbatch(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers as they are: one for each request."""
        return outputs

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Return the answer as it is."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=WAIT)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
