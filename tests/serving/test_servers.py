"""Two real servers share the work of one client, and one of them ends in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from allclient import Client
from allclient.contract import ENSEMBLE
from allclient.local import LocalServer
from samples import render

MODELS = Path(__file__).resolve().parents[2] / "model_repository"
IMAGES = 96
DIES_AFTER = 24


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drains"])
def test_every_image_is_answered_once(server: LocalServer, number: int) -> None:
    drawn = render.encoded(count=8, seed=3)
    sources = [drawn[index % 8] for index in range(IMAGES)]
    with Client(server.grpc_address) as client:
        wanted = [client.classify(image) for image in drawn]
    with LocalServer(MODELS, model=ENSEMBLE, restart=False) as other:
        used = set()
        with Client(f"{server.grpc_address},{other.grpc_address}") as client:
            outcomes = []
            for outcome in client.classify_many(sources, in_flight=8):
                outcomes.append(outcome)
                if len(outcomes) == DIES_AFTER:
                    used = {one.used > 0 for one in client._transport._servers}
                    os.kill(other.pid, number)
        assert used == {True}
        assert other.wait(120) is not None  # it was dead or dying while the others came
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert [outcome.source for outcome in outcomes] == sources
    for index, outcome in enumerate(outcomes):
        one, same = outcome.unwrap(), wanted[index % 8]
        assert (one.label, one.subtype, one.review) == (same.label, same.subtype, same.review)
        assert one.probabilities == pytest.approx(same.probabilities, abs=1e-4)
