"""Serves with FastAPI and Keras, the usual stack: the masters, batched by a queue of our own.

The masters' folder comes in MASTERS. The image is the body of the request.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy.typing as npt
import tensorflow as tf
import uvicorn
from common import BATCH, PORT, WAIT, Ensemble
from fastapi import FastAPI, Request
from majority import BACKBONES


class KerasNetworks:
    """The three masters, each traced once for batches of any size."""

    def __init__(self) -> None:
        signature = [tf.TensorSpec([None, 224, 224, 3], tf.uint8)]
        folder = Path(os.environ["MASTERS"])
        self.models = [
            keras.saving.load_model(folder / f"{name}.keras", compile=False) for name in BACKBONES
        ]
        self.calls = [
            tf.function(lambda x, model=model: model(x, training=False), input_signature=signature)
            for model in self.models
        ]

    def __call__(self, batch: npt.NDArray[Any]) -> list[dict[str, npt.NDArray[Any]]]:
        """Return LOGITS and CAM of each voter for a batch."""
        pixels = tf.constant(batch)
        return [{k: v.numpy() for k, v in call(pixels).items()} for call in self.calls]


class Batcher:
    """Takes what is waiting, up to BATCH, and answers all of it together."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.waiting: asyncio.Queue[tuple[bytes, asyncio.Future[Any]]] = asyncio.Queue()

    async def classify(self, file: bytes) -> Any:
        """Return the answer to one encoded image."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.waiting.put((file, answered))
        return await answered

    async def run(self) -> None:
        """Answer batches for ever."""
        while True:
            batch = [await self.waiting.get()]
            await asyncio.sleep(WAIT)
            while len(batch) < BATCH and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            try:
                answers = await asyncio.to_thread(self.ensemble, [file for file, _ in batch])
            except Exception as error:
                for _, answered in batch:
                    answered.set_exception(error)
            else:
                for (_, answered), answer in zip(batch, answers, strict=True):
                    if not answered.cancelled():
                        answered.set_result(answer)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the batcher for as long as the app."""
    app.state.batcher = Batcher(Ensemble(KerasNetworks()))
    worker = asyncio.create_task(app.state.batcher.run())
    yield
    worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/classify")
async def classify(request: Request) -> Any:
    """Answer one image, the body of the request."""
    return await app.state.batcher.classify(await request.body())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
