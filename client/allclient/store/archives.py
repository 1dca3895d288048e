"""ZIP archives of images: opened within limits, and never unpacked to paths of theirs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO, Final

from allclient.errors import RefusedError

MAX_FILES: Final = 5000
MAX_TIMES: Final = 200
"""How many times larger than packed a file may be; images hardly shrink at all."""

MAX_UNPACKED: Final = 20_000_000_000
"""Bytes of all files together."""

_SMALL: Final = 1 << 20
"""Bytes below which a file may be of any share: a blank picture shrinks a lot."""

_CHUNK: Final = 1 << 18


def members(file: IO[bytes]) -> list[zipfile.ZipInfo]:
    """The files of an archive, without folders and what systems leave there.

    Raises RefusedError for a damaged archive, one with a password, or one that is a bomb.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RefusedError("the archive is damaged; pack it again") from error
    found = [one for one in archive.infolist() if not one.is_dir() and not _left_by_a_system(one)]
    if len(found) > MAX_FILES:
        raise RefusedError(f"the archive holds {len(found)} files; at most {MAX_FILES} are taken")
    for one in found:
        if one.flag_bits & 1:
            raise RefusedError("the archive has a password; pack it again without one")
        if one.file_size > max(_SMALL, MAX_TIMES * one.compress_size):
            raise RefusedError("the archive claims to hold far more than it can; it is not opened")
    if sum(one.file_size for one in found) > MAX_UNPACKED:
        raise RefusedError(f"the archive holds more than {MAX_UNPACKED / 1e9:.0f} GB of files")
    return found


def chunks(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of one file of an archive, never more than it claims.

    Raises RefusedError where it is damaged or packed in a way that is not known here.
    """
    left = member.file_size
    try:
        with zipfile.ZipFile(file) as archive, archive.open(member) as content:
            while chunk := content.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise RefusedError("the file is larger than its archive says")
                yield chunk
    except RefusedError:
        raise
    except Exception as error:  # each way of packing has errors of its own
        raise RefusedError("the file is damaged in its archive; pack it again") from error


def _left_by_a_system(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] == "Thumbs.db"
