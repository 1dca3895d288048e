"""Reads single fields of a slide by their regions, as a picture of a report needs them.

A child process with limits unpacks them. It stays for the next field of the same slide.
"""

from __future__ import annotations

import atexit
import subprocess
import threading
from pathlib import Path
from typing import Final

from allclient.dicom import EncodedField, levels, slide
from allclient.dicom.header import corrupt
from allclient.dicom.regions import Region
from allclient.dicom.spacing import um_per_pixel


class _Slide:
    """A slide and its child."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.um_per_pixel = um_per_pixel(levels.read(Path(path)))
        self._child = slide.start(Path(path), slide.EACH, subprocess.PIPE)

    def field(self, region: Region) -> EncodedField:
        """Return one field. Raises ImageReadError, and the child is of no more use."""
        assert self._child.stdin is not None
        late = threading.Timer(slide.SECONDS, self._child.kill)
        late.daemon = True
        late.start()
        try:
            self._child.stdin.write(slide.PLACE.pack(*region))
            self._child.stdin.flush()
        except OSError:  # it has ended, and said why
            pass
        try:
            found = slide.record(self._child)
        finally:
            late.cancel()
        if found is None:
            raise corrupt("the slide has no such field")
        return EncodedField(found.data, 1, self.um_per_pixel)

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.communicate()


class _Opened:
    """The slide that was asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slide: _Slide | None = None

    def field(self, path: str, region: Region) -> EncodedField:
        with self._lock:
            if self._slide is None or self._slide.path != path:
                self._close()
                self._slide = _Slide(path)
            try:
                return self._slide.field(region)
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._slide is not None:
            self._slide.close()
            self._slide = None


_opened: Final = _Opened()
atexit.register(_opened.close)


def read(path: str, region: Region) -> EncodedField:
    """Return the field of a slide as a PNG file. Raises ImageReadError."""
    return _opened.field(path, region)
