"""Fuzzing led by coverage (Atheris) of what reads files from anywhere: image files and DICOM.

    pip install atheris
    python tests/fuzz/guided.py field --seconds 600
    python tests/fuzz/guided.py dicom --seconds 600 --corpus build/fuzz-dicom

It begins with files made by code and goes on with those that reach new lines, which stay in the
corpus. A file that ends the decoder, or raises what it should
not, is written beside it, and the run ends with an error. ``mutate.py`` needs no Atheris.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "client")]

LED_BY = [
    "allclient",
    "pydicom",
    "tifffile",
    *(path.stem for path in sorted((ROOT / "model_repository/preprocess/1").glob("*.py"))),
]
"""Modules whose lines lead the fuzzer."""

MAX_BYTES = 200_000
"""Of a file: larger ones reach no other lines and are slow to change."""


class Target(NamedTuple):
    """What reads a file, and the files to begin with."""

    read: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def read_field(data: bytes) -> None:
    """The decoders of ``preprocess``."""
    from tests.kinds.kind import pixels

    try:
        pixels.field(data)
    except pixels.ImageError:
        return


def field_seeds() -> Iterator[bytes]:
    from tests.fuzz.mutants import seeds

    yield from dict.fromkeys(data for _, data in seeds())


def read_dicom(data: bytes) -> None:
    """The reader of DICOM objects, with what a child process does for it done here."""
    from allclient.dicom import child, fields, header, samples
    from allclient.errors import ImageReadError

    def here(data: bytes, frame: int) -> fields.EncodedField:
        try:
            dataset = header.parse(data)
            return fields.EncodedField(samples.png(dataset, frame), header.check(dataset, frame))
        except Exception as error:  # as the child does; a decoder that crashes ends the run
            raise header.corrupt("the DICOM object is damaged") from error

    before, child.encode = child.encode, here
    try:
        fields.encode(data, 0)
    except ImageReadError:
        return
    finally:
        child.encode = before


def dicom_seeds() -> Iterator[bytes]:
    from pydicom import uid

    from tests.unit.dicom import objects

    grey = objects.drawn()[:40, :48, 0].copy()
    small = objects.drawn()[:40, :48].copy()
    yield objects.as_file(objects.jpeg_object())
    for syntax in (
        uid.ExplicitVRLittleEndian,
        uid.ImplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
    ):
        made = objects.make_object(small.tobytes(), rows=40, columns=48, syntax=syntax)
        yield objects.as_file(made)
    made = objects.make_object(grey.tobytes(), rows=40, columns=48, photometric="MONOCHROME2")
    yield objects.as_file(made)
    for syntax in (uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless):
        made = objects.make_object(small.tobytes(), rows=40, columns=48)
        made.compress(syntax)
        yield objects.as_file(made)


TARGETS = {
    "field": Target(read_field, field_seeds),
    "dicom": Target(read_dicom, dicom_seeds),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--corpus", type=Path, help="folder that is begun with and added to")
    parser.add_argument("--seconds", type=int, default=600, help="how long it goes on")
    options = parser.parse_args()
    target = TARGETS[options.target]
    import atheris

    with atheris.instrument_imports(include=LED_BY):
        target.read(next(target.seeds()))  # imports what is to be led by, before anything else does
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus or Path(folder)
        corpus.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(target.seeds()):
            if len(data) <= MAX_BYTES:
                (corpus / f"seed-{number:04d}").write_bytes(data)
        command = [
            sys.argv[0],
            f"-max_len={MAX_BYTES}",
            f"-max_total_time={options.seconds}",
            str(corpus),
        ]
        atheris.Setup(command, target.read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
