"""Finds image files from what a user names: files, folders, patterns and lists, one at a time.

The order is the same each time: the arguments as given, a folder's entries by name. Nothing is
opened here but DICOMDIRs, which stand for the images that they list. A path that does not exist, or
a folder that cannot be listed, comes out as it is:
reading it gives the error that names it.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from allclient.contract import DICOM_SUFFIXES, IMAGE_SUFFIXES
from allclient.dicom import dicomdir
from allclient.pathlist import read_list
from allclient.result import Pipe


@dataclass(slots=True)
class Skipped:
    """What a search left out, to be told to the user. Files named one by one never are."""

    other_files: int = 0
    """Files in folders that are hidden or not images by their ending."""
    folders: int = 0
    """Folders in folders, left out without ``recursive``."""
    repeated: int = 0
    """Paths that were named twice, and links to folders already searched."""
    slide_parts: int = 0
    """Objects of whole slides that are not read: another level is, or they are no level."""

    def pass_slide_part(self) -> None:
        """Count an object of a whole slide that is not read."""
        self.slide_parts += 1

    def sentence(self) -> str:
        """Return what was left out in a sentence; empty if nothing was."""
        parts = [
            _count(self.other_files, "other file in folders (hidden, or no image by its name)"),
            _count(self.folders, "folder in folders (use --recursive)"),
            _count(self.repeated, "repeated path"),
            _count(self.slide_parts, "object in whole slides (label, overview or another level)"),
        ]
        counts = ", ".join(part for part in parts if part)
        return f"skipped: {counts}" if counts else ""


def expand(
    paths: Iterable[str],
    *,
    recursive: bool = False,
    listed: BinaryIO | None = None,
    null: bool = False,
    skipped: Skipped | None = None,
) -> Iterator[str]:
    """Yield the image files that ``paths`` stand for, each once, without holding them all.

    A path is one of these:

    - a file, taken whatever its ending,
    - a folder: its files that end like images, with ``recursive`` those of its folders too,
    - a pattern such as ``"slides/**/*.jpg"``, when no file has that very name,
    - ``-`` for the list in ``listed``: a path a line, or a zero byte after each with ``null``.

    A file named DICOMDIR stands for the images that it lists. In a list, patterns are plain names.
    A pipe is a ``Pipe`` where it is named itself, and a file like others where it is found.

    Raises:
        ConfigurationError: the list or a DICOMDIR cannot be read.
    """
    arguments = list(paths)
    search = _Search(recursive, skipped if skipped is not None else Skipped())
    sources = _arguments(arguments, search, listed, null)
    if len(arguments) == 1 and arguments[0] != "-":
        return sources  # one search meets no path twice; a million paths need no memory
    return once(sources, search.skipped)


def _arguments(
    arguments: list[str], search: _Search, listed: BinaryIO | None, null: bool
) -> Iterator[str]:
    for argument in arguments:
        if argument == "-":
            if listed is None:
                raise ValueError("'-' stands for a list, and none was given")
            for path in read_list(listed, null=null):
                yield from search.path(path)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            matches = sorted(glob.glob(argument, recursive=True), key=os.fsencode)  # noqa: PTH207  keeps spelling
            for match in matches or [argument]:
                yield from search.path(match)
        elif stat.S_ISFIFO(_mode(argument)):
            yield Pipe(argument)
        else:
            yield from search.path(argument)


class _Search:
    def __init__(self, recursive: bool, skipped: Skipped) -> None:
        self.recursive = recursive
        self.skipped = skipped
        self._searched: set[tuple[int, int]] = set()

    def path(self, path: str) -> Iterator[str]:
        if stat.S_ISDIR(_mode(path)):
            yield from self._folder(path)
        elif path.rpartition(os.sep)[2] == dicomdir.NAME:
            yield from dicomdir.images(path)
        else:
            yield path

    def _folder(self, top: str) -> Iterator[str]:
        """Search depth first without recursion: folders can be nested deeper than calls."""
        listing = self._listing(top)
        if listing is None:
            yield top
            return
        levels = [(top, iter(listing))]
        while levels:
            folder, entries = levels[-1]
            name, is_folder = next(entries, ("", False))
            path = os.path.join(folder, name)  # noqa: PTH118  Path() would rewrite the user's path
            if not name:
                levels.pop()
            elif is_folder:
                if not self.recursive or name.startswith("."):
                    self.skipped.folders += 1
                elif (listing := self._listing(path)) is None:
                    yield path
                else:
                    levels.append((path, iter(listing)))
            elif name == dicomdir.NAME:
                yield from dicomdir.images(path)
            elif name.startswith(".") or not is_image_name(name):
                self.skipped.other_files += 1
            else:
                yield path

    def _listing(self, folder: str) -> list[tuple[str, bool]] | None:
        """Return names, and whether each is a folder, in order; None if it cannot be listed."""
        try:
            status = os.stat(folder)  # noqa: PTH116
            identity = (status.st_dev, status.st_ino)
            if identity in self._searched:  # a loop of links, or the same folder named twice
                self.skipped.repeated += 1
                return []
            self._searched.add(identity)
            with os.scandir(folder) as entries:
                listing = [(entry.name, _is_folder(entry)) for entry in entries]
        except OSError:
            return None
        return sorted(listing, key=lambda entry: os.fsencode(entry[0]))


def once(paths: Iterable[str], skipped: Skipped) -> Iterator[str]:
    """Yield each path once, compared by its spelling; count what comes again."""
    seen: set[bytes] = set()
    for path in paths:
        # Only the spelling is compared (a/b, ./a/b): two links to one file are two names.
        spelling = os.fsencode(_absolute(path))
        # 15 bytes and Python's own 33 fill 48; one more would take 64, for each of a million paths.
        path_digest = hashlib.blake2b(spelling, digest_size=15).digest()
        if path_digest in seen:
            skipped.repeated += 1
        else:
            seen.add(path_digest)
            yield path


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)  # noqa: PTH100
    except OSError:  # the working folder is gone
        return os.path.normpath(path)


def _mode(path: str) -> int:
    """Return what a path leads to, as ``stat`` has it; 0 when that is not known."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116  a path that is no file name is no error here
    except (OSError, ValueError):
        return 0


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_image_name(name: str) -> bool:
    """Return whether a file is an image by its ending."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  no Path per file
    return suffix in IMAGE_SUFFIXES or suffix in DICOM_SUFFIXES


def _count(number: int, what: str) -> str:
    if number == 0:
        return ""
    noun, _, rest = what.partition(" in ")
    plural = noun if number == 1 else f"{noun}s"
    return f"{number} {plural}{' in ' + rest if rest else ''}"
