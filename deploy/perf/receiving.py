"""Measures how many objects a second the gateway takes in while the ensemble is busy with them.

    python deploy/perf/receiving.py [--associations 1 4] [--objects 400] [--rounds 3]

It runs ``allclient pacs serve`` with its own server, and dcmtk's ``storescu`` as the sender, one
association a process. An object is synced to disk and queued before its sender hears of success.
As many objects as are measured are sent first, and the ensemble is at work on them from then on.
Prints one JSON object: objects a second by the queue's own clock, median over the rounds, and how
many objects were read by the time when the last one came. The folder must be on a disk, not on a
tmpfs.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from images import drawn
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

SETTINGS = """
[node]
folder = "gateway"
port = {port}
min_free_mb = 1
study_quiet_seconds = 3600
[[peer]]
ae_title = "MICROSCOPE"
host = "127.0.0.1"
[[peer]]
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = 9
[export]
peer = "ARCHIVE"
"""


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--objects", type=int, default=400, help="A round, over all associations.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="On the disk to be measured [a new one here].")
    options = parser.parse_args()
    rounds: dict[int, list[dict[str, float]]] = {each: [] for each in options.associations}
    for _ in range(options.rounds):
        for number, results in rounds.items():
            with tempfile.TemporaryDirectory(dir=options.folder or Path.cwd()) as folder:
                results.append(measure(Path(folder), number, options.objects))
    print(json.dumps({f"{number} associations": _medians(rounds[number]) for number in rounds}))


def _medians(results: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(result[name] for result in results), 1) for name in results[0]}


def measure(folder: Path, associations: int, objects: int) -> dict[str, float]:
    """Send new objects to a new gateway."""
    each = objects // associations
    write_objects(folder, "backlog", 1, objects)
    write_objects(folder, "sent", associations, each)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "pacs.toml").write_text(SETTINGS.format(port=port), "utf-8")
    gateway = subprocess.Popen(
        [sys.executable, "-m", "allclient", "pacs", "serve", str(folder / "pacs.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert gateway.stdout is not None
        if not any("Ctrl-C" in line for line in gateway.stdout):
            sys.exit("allclient pacs serve did not start")
        command = ["storescu", "-R", "-xy", "-aet", "MICROSCOPE", "-aec", "ALLCLIENT", "+sd"]
        to = [*command, "127.0.0.1", str(port)]
        _send(to, [folder / "backlog-0"])
        queue = folder / "gateway" / "queue.sqlite"
        while not _counts(queue)[1]:
            time.sleep(0.02)
        begun = time.time()
        _send(to, [folder / f"sent-{number}" for number in range(associations)])
        return _rate(queue, begun, each * associations)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(120)


def _send(command: list[str], folders: list[Path]) -> None:
    senders = [subprocess.Popen([*command, str(folder)]) for folder in folders]
    if sum(sender.wait() != 0 for sender in senders):
        sys.exit("storescu did not succeed")


def _counts(queue: Path, since: float = 0.0) -> tuple[int, int, float, float]:
    """Return objects that came since then, all that were read, and the first and last to come."""
    database = sqlite3.connect(queue)
    counts = database.execute(
        "SELECT sum(came >= ?1), sum(state = 'read'), min(came) FILTER (WHERE came >= ?1), "
        "max(came) FROM objects",
        (since,),
    ).fetchone()
    database.close()
    return counts  # type: ignore[no-any-return]


def _rate(queue: Path, begun: float, sent: int) -> dict[str, float]:
    kept, read, first, last = _counts(queue, begun)
    if kept != sent:
        sys.exit(f"{kept} of {sent} objects are in the queue")
    if read >= 2 * sent:
        sys.exit("all was read before the last object came: send more of them")
    return {"objects_per_second": (kept - 1) / (last - first), "read_by_then": read}


def write_objects(folder: Path, name: str, associations: int, each: int) -> None:
    """Write VL Microscopic objects around drawn JPEG streams, a folder for each association."""
    streams = [path.read_bytes() for path in sorted(drawn(folder / "drawn").glob("*.jpg"))]
    for association in range(associations):
        target = folder / f"{name}-{association}"
        target.mkdir()
        for number in range(each):
            made = _object(streams[number % len(streams)], uid.generate_uid(prefix=None))
            made.save_as(target / f"{number}.dcm", enforce_file_format=True)


def _object(stream: bytes, instance: str) -> Dataset:
    made: Any = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    made.SOPClassUID, made.SOPInstanceUID = uid.VLMicroscopicImageStorage, uid.UID(instance)
    made.StudyInstanceUID, made.SeriesInstanceUID = "2.25.1", "2.25.2"
    made.PatientName, made.PatientID = "Drawn^Field", "1"
    made.Modality = "GM"
    with Image.open(io.BytesIO(stream)) as picture:
        made.Columns, made.Rows = picture.size
    made.SamplesPerPixel, made.PlanarConfiguration = 3, 0
    made.PhotometricInterpretation = "YBR_FULL_422"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = encapsulate([stream])
    made["PixelData"].VR = "OB"
    return made  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
