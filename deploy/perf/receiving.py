"""Measures how many objects a second the gateway takes in while the ensemble is busy with them.

    python deploy/perf/receiving.py [--associations 1 4] [--objects 400] [--rounds 3]

It runs ``allclient pacs serve`` with its own server, and dcmtk's ``storescu`` as the sender, one
association a process. An object is synced to disk and queued before its sender hears of success.
Prints one JSON object: objects a second by the queue's own clock, median over the rounds, and how
many of them had been read when the last one came. The folder must be on a disk, not on a tmpfs.
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
    write_objects(folder, associations, objects // associations)
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
        senders = [
            subprocess.Popen([*command, "127.0.0.1", str(port), str(folder / f"sent-{number}")])
            for number in range(associations)
        ]
        if sum(sender.wait() != 0 for sender in senders):
            sys.exit("storescu did not succeed")
        return _rate(folder / "gateway" / "queue.sqlite", objects // associations * associations)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(120)


def _rate(queue: Path, sent: int) -> dict[str, float]:
    database = sqlite3.connect(queue)
    first, last, kept, read = database.execute(
        "SELECT min(came), max(came), count(*), sum(state = 'read') FROM objects"
    ).fetchone()
    database.close()
    if kept != sent or not read:
        sys.exit(f"{kept} of {sent} objects are in the queue, {read} were read")
    return {"objects_per_second": (kept - 1) / (last - first), "read_meanwhile": read}


def write_objects(folder: Path, associations: int, each: int) -> None:
    """Write VL Microscopic objects around drawn JPEG streams, a folder for each association."""
    streams = [path.read_bytes() for path in sorted(drawn(folder / "drawn").glob("*.jpg"))]
    for association in range(associations):
        (folder / f"sent-{association}").mkdir()
        for number in range(each):
            made = _object(streams[number % len(streams)], f"2.25.1{association}{number:05d}")
            made.save_as(folder / f"sent-{association}" / f"{number}.dcm", enforce_file_format=True)


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
