"""Unpacks foreign pixels in a child process, with limits on its time and memory.

The decoders are C libraries, and the bytes come from anywhere: what crashes, hangs or swells there
ends the child alone. ``python -m allclient.dicom.child FRAME`` reads an object on standard input
and writes one letter (o: an encoded field, e: an error) and what follows it.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from typing import Final

from allclient.contract import MAX_IMAGE_BYTES, ImageErrorCode
from allclient.dicom import EncodedField
from allclient.errors import ImageReadError

SECONDS: Final = 60
"""The longest that one frame may take."""

MEMORY: Final = 4 * 1024**3
"""Bytes of address space."""

_GOOD, _BAD = b"o", b"e"
_HEAD: Final = struct.Struct(">Qd")
"""Stands before an encoded field: the number of frames, and the size of a pixel or 0."""

_places: Final = threading.BoundedSemaphore(os.cpu_count() or 1)


def encode(data: bytes, frame: int) -> EncodedField:
    """Encode a frame as ``fields.encode`` does, in a child.

    As many run at once as there are processors.
    """
    with _places:
        try:
            done = subprocess.run(
                [sys.executable, "-m", __name__, str(frame)],
                input=data,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise _broken(f"its pixels were not unpacked within {SECONDS} seconds") from error
        except OSError as error:
            raise ImageReadError(
                f"no process to unpack it can be started: {error.strerror}",
                code=ImageErrorCode.FILE_UNREADABLE.value,
            ) from error
    kind, content = done.stdout[:1], done.stdout[1:]
    if done.returncode != 0 or kind not in (_GOOD, _BAD):
        raise _broken(f"the decoder of its pixels ended with {done.returncode}")
    if kind == _BAD:
        code, _, message = content.decode("utf-8", "replace").partition("\n")
        raise ImageReadError(message, code=code)
    frames, size = _HEAD.unpack_from(content)
    return EncodedField(content[_HEAD.size :], frames, size or None)


def _broken(message: str) -> ImageReadError:
    return ImageReadError(message, code=ImageErrorCode.CORRUPT.value)


def limit(memory: int, seconds: int) -> None:
    """Limit this process: bytes of address space, seconds of processor time, no files."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """Encode one frame from standard input to standard output: the child itself."""
    limit(MEMORY, SECONDS)
    from allclient.dicom import header, samples, spacing

    output = sys.stdout.buffer
    try:
        dataset = header.parse(sys.stdin.buffer.read(MAX_IMAGE_BYTES))
        frame = int(sys.argv[1])
        frames = header.check(dataset, frame)
        field = samples.png(dataset, frame)
        size = spacing.um_per_pixel(dataset) or 0.0
    except ImageReadError as error:
        output.write(_BAD + f"{error.code}\n{error}".encode())
    except MemoryError:
        message = f"{ImageErrorCode.TOO_LARGE.value}\nits pixels take more than {MEMORY:,} bytes"
        output.write(_BAD + message.encode())
    except Exception as error:
        message = f"{ImageErrorCode.CORRUPT.value}\nthe DICOM object is damaged"
        output.write(_BAD + f"{message} ({type(error).__name__})".encode())
    else:
        output.write(_GOOD + _HEAD.pack(frames, size) + field)
    output.flush()


if __name__ == "__main__":
    main()
