"""The threads of an association wait: no look is needed for a message, an answer or the end."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from allclient.pacs import waiting
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from tests.unit.dicom.objects import jpeg_object
from tests.waiting import until


def test_messages_answers_and_ends_are_waited_for(
    config: Config, inbox: Inbox, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK", 600)  # longer than any timeout
    association = start(config, inbox).associate()
    assert association.send_c_echo().Status == 0
    assert association.send_c_store(jpeg_object()).Status == 0
    association.abort()  # and the end of the test waits for the threads


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_associations_give_their_descriptors_back(config: Config, inbox: Inbox, start: Any) -> None:
    running = start(config, inbox)

    def descriptors() -> int:
        running.associate().release()
        until(lambda: not running.receiver._server.active_associations, "the end")
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = descriptors()
    for _ in range(20):
        after = descriptors()
    # One that is lost at each would be twenty; other threads open and close some meanwhile.
    assert after - before < 10
