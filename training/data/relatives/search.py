"""Searches a data set for images that show the same cells."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training.data.relatives import overlaps, pictures, shifts
from training.data.sample import Sample

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Relatives:
    """Pairs of indices into ``samples``, the smaller index first; no pair is of two kinds."""

    samples: list[Sample]
    """Those that could be read."""
    sha256: list[str]
    """SHA-256 of each sample's file."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    """Files that the server would refuse, and why."""
    equal: Pairs = field(default_factory=list)
    """Equal byte for byte."""
    near: Pairs = field(default_factory=list)
    """Nearly the same frame."""
    overlapping: Pairs = field(default_factory=list)
    """The stage moved by less than a field: some of the cells are the same."""
    unsure: Pairs = field(default_factory=list)
    """Perhaps overlapping; no relatives, but better not on both sides of a split."""

    @property
    def pairs(self) -> Pairs:
        """All pairs, whatever their kind."""
        return self.equal + self.near + self.overlapping


def search(
    samples: Sequence[Sample],
    *,
    moved: bool = True,
    tell: Callable[[int], object] = lambda steps: None,
) -> Relatives:
    """Read every image once and find its relatives; time grows with the square of the images.

    Without ``moved`` only equal files are searched, which is all that single cells cut from their
    fields allow: any two cells in the middle of a black picture look like one moved. ``tell`` is
    called with progress in steps, ``steps`` of them altogether.
    """
    kept: list[Sample] = []
    hashes: list[str] = []
    seen: list[npt.NDArray[np.float32]] = []
    unreadable: dict[Path, str] = {}
    by_path = {sample.path: sample for sample in samples}
    for path, data, picture in pictures.read(by_path):
        tell(1)
        if isinstance(picture, str):
            unreadable[path] = picture
            continue
        kept.append(by_path[path])
        hashes.append(hashlib.sha256(data).hexdigest())
        if moved:
            seen.append(picture)
    equal = _equal(hashes)
    near: Pairs = []
    overlapping: Pairs = []
    unsure: Pairs = []
    if len(seen) > 1:
        stack = np.stack(seen)
        known = set(equal)
        proposed = shifts.propose(stack, tell)
        for overlap in overlaps.confirm(stack, proposed):
            pair = (overlap.first, overlap.second)
            if pair not in known:
                kind = near if overlap.near else overlapping if overlap.sure else unsure
                kind.append(pair)
    return Relatives(kept, hashes, unreadable, equal, near, overlapping, unsure)


def steps(images: int, *, moved: bool = True) -> int:
    """Return the steps of progress that ``search`` tells of if every image can be read."""
    return images + (images * (images - 1) // 2 if moved else 0)


def joined(count: int, pairs: Pairs, *keys: Sequence[Hashable]) -> npt.NDArray[np.int32]:
    """Return the number of each sample's unit, int32 [count].

    A unit joins pairs and samples with equal keys.

    ``keys`` are sequences of one key for each sample; an empty key joins nothing.
    """
    links = list(pairs)
    for column in keys:
        members: dict[Hashable, list[int]] = defaultdict(list)
        for index, key in enumerate(column):
            if key:
                members[key].append(index)
        links += [(same[0], other) for same in members.values() for other in same[1:]]
    rows, columns = np.array(links, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links), np.int8), (rows, columns)), shape=(count, count))
    groups: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1].astype(np.int32)
    return groups


def _equal(hashes: Sequence[str]) -> Pairs:
    places: dict[str, list[int]] = defaultdict(list)
    for index, content in enumerate(hashes):
        places[content].append(index)
    return [pair for same in places.values() for pair in combinations(same, 2)]
