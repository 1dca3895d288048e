"""kill -9 at random moments under load: what was answered with success is in exactly one report."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread, uid
from pynetdicom import AE

from allclient.pacs import config as configuration
from allclient.pacs.checkpoint import keep_answers
from allclient.pacs.classes import STORED
from tests.pacs.conftest import DICOM_PORT, GATEWAY_PORT, Orthanc
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe
from tests.unit.dicom.objects import jpeg_object
from tests.waiting import until

IMAGES = int(os.environ.get("KILL_IMAGES", "40"))
KILLS = int(os.environ.get("KILLS", "3"))
"""``KILL_IMAGES=200 KILLS=10 python -m pytest tests/pacs/test_kill.py`` is the whole of it."""

CONFIG = """
[node]
folder = "gateway"
port = {gateway}
min_free_mb = 1
study_quiet_seconds = 3
[[peer]]
ae_title = "MICROSCOPE"
host = "127.0.0.1"
[[peer]]
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {archive}
[export]
peer = "ARCHIVE"
picture = false
pdf = false
"""


class Killed:
    """A gateway in a process of its own that is killed and started again."""

    def __init__(self, folder: Path, triton: str) -> None:
        self.config = folder / "pacs.toml"
        self.config.write_text(CONFIG.format(gateway=GATEWAY_PORT, archive=DICOM_PORT))
        self._triton = triton
        self.start()

    def start(self) -> None:
        program = Path(__file__).with_name("gateway_program.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), str(self.config), self._triton], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)


def send_all(until: Callable[[], bool], seen: list[str]) -> None:
    """Send every image until it was answered with success, across as many deaths as it takes."""
    ae = AE("MICROSCOPE")
    ae.connection_timeout = ae.dimse_timeout = ae.acse_timeout = 5
    ae.add_requested_context(STORED[0], uid.JPEGBaseline8Bit)
    left = [jpeg_object(number % 12, instance=number + 1) for number in range(IMAGES)]
    while left and not until():
        association = ae.associate("127.0.0.1", GATEWAY_PORT, ae_title="ALLCLIENT")
        if not association.is_established:
            threading.Event().wait(0.1)
            continue
        keep_answers(association)
        try:
            while left and association.is_established:
                status: Any = association.send_c_store(left[0])
                if status.get("Status") != 0:
                    break
                seen.append(str(left.pop(0).SOPInstanceUID))
                threading.Event().wait(0.05)
        except (RuntimeError, OSError):
            pass
        finally:
            association.abort()


@pytest.mark.timeout(900)
def test_killed_under_load_every_image_has_exactly_one_report(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    pauses = random.Random(17)
    with KServe(lambda _: MALIGNANT_ANSWER) as triton:
        gateway = Killed(tmp_path, triton.address)
        answered: list[str] = []
        over = threading.Event()
        sender = threading.Thread(target=send_all, args=(over.is_set, answered))
        sender.start()
        try:
            for _ in range(KILLS):
                threading.Event().wait(pauses.uniform(0.1, 1.5))
                gateway.kill()
                gateway.start()
            sender.join(240)
            assert len(answered) == IMAGES
            until(lambda: reported(orthanc) >= Counter(answered), "all reports", seconds=240)
            gateway.kill()  # once more, after all is sent
            gateway.start()
            threading.Event().wait(4)
            assert reported(orthanc) == Counter(answered)
        finally:
            over.set()
            gateway.kill()
    assert configuration.load(gateway.config).node.port == GATEWAY_PORT


def reported(orthanc: Orthanc) -> Counter[str]:
    """How often each image stands in a report of the archive."""
    found: Counter[str] = Counter()
    for data in orthanc.files("SR"):
        report = dcmread(io.BytesIO(data))
        for study in report.CurrentRequestedProcedureEvidenceSequence:
            for series in study.ReferencedSeriesSequence:
                found.update(
                    str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence
                )
    return found
