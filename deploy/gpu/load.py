"""Loads a Triton server in a closed loop: so many requests in flight, for so many seconds.

One Python process cannot ask for thousands of images a second, so several share the work. Every
request is awaited and timed; those that end outside the measured time are not counted.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import shared_memory
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as blocking
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

WARM_UP = 2.0
"""Seconds of load before anything is counted, so that all processes are at work."""

GRACE = 60.0
"""Seconds that the last process may take to start, and the last answers to come."""

_TRIES = 100
"""Tries to end a region of shared memory."""


@dataclass(frozen=True, slots=True)
class Region:
    """The PIXELS of one batch, in shared memory that the server has opened."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Work:
    """What one kind of request asks for."""

    address: str
    model: str
    data: tuple[bytes, ...] | Region
    """Encoded images, sent one a request and in turn; or a batch that every request names."""
    images_a_request: int = 1


@dataclass(slots=True)
class Measured:
    """What one process measured, or all of them together."""

    latencies: list[float]
    """Seconds, of the requests that were answered in the measured time."""
    errors: int = 0
    first_error: str | None = None
    seconds: float = 0.0
    """Measured; longer than asked for where the first answer came only after that time."""


def run(work: Work, concurrency: int, seconds: float, processes: int) -> dict[str, Any]:
    """Keep ``concurrency`` requests in flight; return rate and latencies in milliseconds."""
    return summary(work, concurrency, run_all([work], concurrency, seconds, processes)[0])


def run_all(
    works: Sequence[Work], concurrency: int, seconds: float, processes: int
) -> list[Measured]:
    """Send all kinds of requests at once, each with ``concurrency`` in flight."""
    each = max(1, min(processes, concurrency))
    shares = [concurrency // each + (i < concurrency % each) for i in range(each)]
    jobs = [(number, work, share) for number, work in enumerate(works) for share in shares]
    # Spawned: gRPC does not survive a fork. All wait for the last, and then begin together.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(jobs))
    with ProcessPoolExecutor(len(jobs), context, barrier.wait, (GRACE,)) as pool:
        futures = [pool.submit(_drive, work, share, seconds) for _, work, share in jobs]
        done = [future.result() for future in futures]
    together = [Measured([]) for _ in works]
    for (number, _, _), one in zip(jobs, done, strict=True):
        total = together[number]
        total.latencies += one.latencies
        total.errors += one.errors
        total.first_error = total.first_error or one.first_error
        total.seconds = max(total.seconds, one.seconds)
    return together


def summary(work: Work, concurrency: int, measured: Measured) -> dict[str, Any]:
    """Return one load as plain values for JSON."""
    milliseconds = np.array(measured.latencies) * 1000.0
    row: dict[str, Any] = {
        "model": work.model,
        "concurrency": concurrency,
        "images_a_request": work.images_a_request,
        "seconds": measured.seconds,
        "requests": len(milliseconds),
        "errors": measured.errors,
        "first_error": measured.first_error,
        "images_per_second": len(milliseconds) * work.images_a_request / measured.seconds,
    }
    for share in (50, 90, 95, 99):
        value = float(np.percentile(milliseconds, share)) if len(milliseconds) else None
        row[f"p{share}_ms"] = value
    return row


@contextmanager
def region(address: str, pixels: npt.NDArray[Any]) -> Iterator[Region]:
    """Put ``pixels`` uint8 [n, h, w, 3] into memory shared with the server on this machine.

    `allclient serve` lets clients share memory with ``--allow shared-memory`` alone.
    """
    memory = shared_memory.SharedMemory(create=True, size=pixels.nbytes)
    client = blocking.InferenceServerClient(address)
    try:
        np.ndarray(pixels.shape, np.uint8, memory.buf)[:] = pixels
        client.register_system_shared_memory(memory.name, f"/{memory.name}", pixels.nbytes)
        try:
            yield Region(memory.name, pixels.shape)
        finally:
            _let_go(client, memory.name)
    finally:
        client.close()
        memory.close()
        memory.unlink()


def _let_go(client: blocking.InferenceServerClient, name: str) -> None:
    """End a region, which Triton may hold for a moment after its last answer."""
    for _ in range(_TRIES):
        try:
            client.unregister_system_shared_memory(name)
            return
        except InferenceServerException as error:
            if "currently in use" not in str(error):
                raise
            time.sleep(0.05)


def _drive(work: Work, concurrency: int, seconds: float) -> Measured:
    begin = time.time() + WARM_UP
    return asyncio.run(_loops(work, concurrency, begin, begin + seconds))


async def _loops(work: Work, concurrency: int, begin: float, end: float) -> Measured:
    measured = Measured([], seconds=end - begin)
    requests = _requests(work)
    async with triton.InferenceServerClient(work.address) as client:

        async def loop(first: int) -> None:
            turn = first
            while time.time() < end or not (measured.latencies or measured.errors):
                sent = time.time()
                try:
                    await client.infer(
                        work.model, requests[turn % len(requests)], client_timeout=GRACE
                    )
                except Exception as error:  # counted and told, whatever it was
                    measured.errors += 1
                    measured.first_error = measured.first_error or str(error)
                    await asyncio.sleep(0.05)
                    continue
                finally:
                    turn += concurrency
                answered = time.time()
                if begin <= sent and (answered <= end or not measured.latencies):
                    measured.latencies.append(answered - sent)
                    measured.seconds = max(measured.seconds, answered - begin)

        await asyncio.gather(*(loop(slot) for slot in range(concurrency)))
    return measured


def _requests(work: Work) -> list[list[Any]]:
    if isinstance(work.data, Region):
        pixels = triton.InferInput("PIXELS", list(work.data.shape), "UINT8")
        pixels.set_shared_memory(work.data.name, work.data.size)
        return [[pixels]]
    requests = []
    for image in work.data:
        tensor = triton.InferInput("IMAGE", [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[image]], dtype=object))
        requests.append([tensor])
    return requests
