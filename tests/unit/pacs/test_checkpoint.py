"""A sender gets its answer however late pynetdicom's background thread comes to run."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pynetdicom.association import Association

from allclient.pacs.checkpoint import keep_answers
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from tests.unit.dicom.objects import jpeg_object


class Starved(Association):
    """One whose thread gets no processor time between leaving ``wait`` and saying so."""

    @property
    def _is_paused(self) -> bool:
        return bool(self.__dict__.get("paused"))

    @_is_paused.setter
    def _is_paused(self, value: bool) -> None:
        if not value:
            time.sleep(0.1)
        self.__dict__["paused"] = value


def test_no_answer_is_taken_away(config: Config, inbox: Inbox, start: Any) -> None:
    association = start(config, inbox).associate()
    association.__class__ = Starved
    association.dimse_timeout = 60
    statuses = [association.send_c_store(jpeg_object(instance=n)).get("Status") for n in range(8)]
    association.release()
    assert statuses == [0] * 8
    assert association.is_released


def test_an_association_that_has_ended_holds_nobody(
    config: Config, inbox: Inbox, start: Any
) -> None:
    association = start(config, inbox).associate()
    association.abort()
    keep_answers(association)
    association._reactor_checkpoint.clear()
    assert not association.is_established
