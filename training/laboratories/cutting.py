"""Cuts every picture into cells and keeps them on disk, a hundred pictures a file.

A file's name says what is in it: the content of its pictures and how they were laid. So a run that
was stopped goes on, and a picture that changed is cut anew. Code is in no name; therefore one
picture of every source is cut again and compared.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from toolkit import served
from training.cells import crops, red_cells
from training.cells.density import Rgb, background
from training.data.pictures import Picture
from training.data.sample import DatasetError
from training.laboratories.scales import KNOWN, Scale, measured
from training.laboratories.table import Cells, Crops, joined

SCALE = 28.0
"""Pixels of a red cell's diameter in the crops."""
SIDE = 80
"""Height and width of a crop."""
MAX_CELLS = 30
"""Cells kept of a crowded field, drawn by the picture's name."""
MAX_CUT_OFF = 4
"""Cells at the border kept of a field that has no whole nucleus."""
MIDDLE = 0.22
"""The cell that a single-cell picture means lies so near its centre, as a share of the side."""
SHARD = 100
MAX_CHANGE = 8.0
"""Mean change of a crop's levels, cut again: above what another decoder does."""


def every(
    pictures: Sequence[Picture], folder: Path, report: Callable[[int, int], None] | None = None
) -> Cells:
    """Return the cells of all pictures, from ``folder`` if they are there, else cut and kept there.

    Args:
        report: called with how many pictures are done and how many there are.

    Raises:
        DatasetError: a picture cannot be read, a scale is unknown, or what is kept was cut by
            other code than today's.
    """
    ordered = sorted(pictures, key=lambda picture: picture.source)
    parts, done = [], 0
    for source, group in groupby(ordered, key=lambda picture: picture.source):
        members = list(group)
        scales = _scales(source, members)
        for start in range(0, len(members), SHARD):
            shard = members[start : start + SHARD], scales[start : start + SHARD]
            part = _shard(*shard, folder / source, check=start == 0)
            parts.append(_renumbered(part, done + start))
            if report:
                report(done + start + len(shard[0]), len(ordered))
        done += len(members)
    return Cells(ordered, joined(parts))


def cut(picture: Picture, scale: Scale) -> Crops:
    """Return the cells of one picture that are kept; ``of`` is 0.

    Raises:
        DatasetError: it cannot be read.
    """
    rgb = _read(picture)
    cells = crops.cut(rgb, scale.red_cell, scale.aspect, SCALE, SIDE)
    if picture.single:
        cells = _meant(cells)
    kept = _kept(cells, zlib.crc32(picture.name.encode()))
    count = len(kept)
    windows = (count, SIDE, SIDE)
    return Crops(
        of=np.zeros(count, np.int64),
        rgb=np.array([cell.rgb for cell in kept], np.uint8).reshape(*windows, 3),
        own=np.array([cell.mask for cell in kept], bool).reshape(windows),
        others=np.array([cell.others for cell in kept], bool).reshape(windows),
        shape=np.array([cell.shape for cell in kept], np.float32).reshape(count, 5),
        background=np.tile(background(rgb).astype(np.float32), (count, 1)),
        red_cell=np.full(count, scale.red_cell, np.float32),
    )


def _meant(cells: Sequence[crops.Cell]) -> list[crops.Cell]:
    """Return the largest nucleus near the middle, or the largest of all."""
    near = [c for c in cells if max(abs(c.centre[0] - 0.5), abs(c.centre[1] - 0.5)) < MIDDLE]
    return [max(near or cells, key=lambda cell: float(cell.shape[0]))] if cells else []


def _kept(cells: Sequence[crops.Cell], seed: int) -> list[crops.Cell]:
    whole = [cell for cell in cells if not cell.shape[4]]
    if not whole:
        return list(cells[:MAX_CUT_OFF])
    picked = np.random.default_rng(seed).permutation(len(whole))[:MAX_CELLS]
    return [whole[index] for index in sorted(picked)]


def _read(picture: Picture) -> Rgb:
    image = cv2.imdecode(np.frombuffer(picture.path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{picture.path} is no image that can be read")
    rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    if picture.bar:
        share = served.smear_frame.MASK_FROM / served.smear_frame.SIDE
        row, column = round(rgb.shape[0] * share), round(rgb.shape[1] * share)
        rgb[row:, column:] = background(rgb[:row]).astype(np.uint8)
    return rgb


def _scales(source: str, members: Sequence[Picture]) -> list[Scale]:
    if source in KNOWN:
        return [KNOWN[source]] * len(members)
    heights, measures = [], []
    for picture in members:
        rgb = _read(picture)
        heights.append(rgb.shape[0])
        measures.append(red_cells.measure(rgb))
    return measured(heights, measures, source)


def _shard(
    members: Sequence[Picture], scales: Sequence[Scale], folder: Path, *, check: bool
) -> Crops:
    path = folder / f"{_digest(members, scales)}.npz"
    if path.is_file():
        kept = _load(path)
        if check:
            _check(kept, cut(members[0], scales[0]), path)
        return kept
    parts = [cut(picture, scale) for picture, scale in zip(members, scales, strict=True)]
    crops_of_shard = joined([_renumbered(part, number) for number, part in enumerate(parts)])
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    columns: dict[str, Any] = dict(_columns(crops_of_shard))
    np.savez_compressed(temporary, **columns)
    temporary.replace(path)
    return crops_of_shard


def _digest(members: Sequence[Picture], scales: Sequence[Scale]) -> str:
    total = hashlib.sha256(json.dumps([SCALE, SIDE, MAX_CELLS, MAX_CUT_OFF, MIDDLE]).encode())
    for picture, scale in zip(members, scales, strict=True):
        content = hashlib.sha256(picture.path.read_bytes()).hexdigest()
        total.update(f"{picture.name} {content} {scale.red_cell:.3f} {scale.aspect:.3f}\n".encode())
    return total.hexdigest()[:16]


def _check(kept: Crops, again: Crops, path: Path) -> None:
    rows = kept.of == 0
    same = rows.sum() == len(again)
    if same and len(again):
        change = np.abs(kept.rgb[rows].astype(float) - again.rgb).mean()
        same = change <= MAX_CHANGE and np.allclose(kept.shape[rows], again.shape, atol=0.1)
    if not same:
        raise DatasetError(
            f"{path} was cut by other code than today's; delete {path.parent} to cut it anew"
        )


def _columns(crops_of_all: Crops) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name in Crops.__dataclass_fields__:
        column = getattr(crops_of_all, name)
        yield name, np.packbits(column) if column.dtype == bool else column


def _load(path: Path) -> Crops:
    with np.load(path, allow_pickle=False) as stored:
        columns = {name: stored[name] for name in Crops.__dataclass_fields__}
    count = len(columns["of"])
    for name in ("own", "others"):
        bits = np.unpackbits(columns[name], count=count * SIDE * SIDE)
        columns[name] = bits.astype(bool).reshape(count, SIDE, SIDE)
    return Crops(**columns)


def _renumbered(part: Crops, first: int) -> Crops:
    columns = {name: getattr(part, name) for name in Crops.__dataclass_fields__}
    return Crops(**{**columns, "of": part.of + first})
