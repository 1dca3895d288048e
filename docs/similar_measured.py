"""Measures what docs/howto/web.md says of similar fields and cells, on real ones.

Run: PYTHONPATH=. python docs/similar_measured.py --data all-smears

The search is tried on what is known to be alike: fields that overlap, because the stage was moved
by less than a field, and the cells in their common part, each of which was photographed twice. The
questions come from the test part, the answers from all images of the folder. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allclient import Client
from allclient.contract import BACKBONES, SIDE, SUBTYPES, Backbone, Subtype
from allclient.local import LocalServer
from allclient.result import Result
from training.data import samples
from training.data.relatives import overlaps, pictures, shifts

ROOT = Path(__file__).resolve().parents[1]
LEAST = 1e-3
"""Probabilities below are one and the same: their odds say nothing more."""
NEAR, RIM = 6, 4
"""Pixels of SIDE by which a cell may be off in its other picture, and that it keeps to the rim."""
NEIGHBOURS, ASKED = 10, 1000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Read(NamedTuple):
    """Fields and their cells, in two kinds of vectors."""

    files: list[str]
    """The digest of each field."""
    fields: dict[str, Floats]
    field_of: Ints
    cells: dict[str, Floats]
    centres: Floats
    whole: npt.NDArray[np.bool_]
    """Which cells keep to the rim."""


def main() -> None:
    """Read all images and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    chosen = samples.every(options.data)
    with LocalServer(ROOT / "model_repository") as server, Client(server.grpc_address) as client:
        data = read(client, chosen)
    tests = np.array([at for at, one in enumerate(chosen) if one.part == "test"])
    pairs = [one for one in overlapping(chosen, tests) if data.files[one[0]] != data.files[one[1]]]
    partners: dict[int, set[int]] = {}
    twins: dict[int, set[int]] = {}
    for first, second, down, right in pairs:
        join(partners, [(first, second)])
        join(twins, seen_twice(data, first, second, down, right))
    slides = np.array([one.slide for one in chosen])
    classes = np.array([one.named for one in chosen])
    few = np.random.default_rng(0).permutation(np.flatnonzero(np.isin(data.field_of, tests)))
    print(
        f"{len(chosen)} fields, {len(data.field_of)} cells; of the test part {len(tests)} fields,"
    )
    print(f"of which {len(partners)} overlap another, with {len(twins)} cells seen twice.\n")
    print(
        "| by | overlapping field first | among 5 | same cell first | among 5 "
        "| neighbours of the class | of other slides |"
    )
    print("| --- " + "| ---: " * 6 + "|")
    for kind in data.fields:
        fields = found(data.fields[kind], np.arange(len(chosen)), data.files, partners)
        cells = found(data.cells[kind], data.field_of, data.files, twins)
        around = neighbours(data, kind, few[:ASKED])
        same = classes[around] == classes[data.field_of[few[:ASKED]]][:, None]
        others = slides[around] != slides[data.field_of[few[:ASKED]]][:, None]
        shares = [*fields, *cells, same.mean(), others.mean()]
        print(f"| {kind} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


def read(client: Client, chosen: list[samples.Sample]) -> Read:
    """Ask about every field."""
    files = [one.path.read_bytes() for one in chosen]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda data: client.classify(data, features=True), files))
    counts = [result.leukocytes or 0 for result in results]
    boxes = np.array([(c.x, c.y, c.width, c.height) for r in results for c in r.cells or ()])
    boxes *= SIDE
    features = np.concatenate([r.features for r in results if r.features is not None])
    shares = np.array([[c.area_share] for r in results for c in r.cells or ()])
    field_of = np.repeat(np.arange(len(chosen)), counts)
    looks = np.zeros((len(chosen), features.shape[1]))
    np.add.at(looks, field_of, features * shares)
    answers = [[c.probabilities[s] for s in SUBTYPES] for r in results for c in r.cells or ()]
    ends = boxes[:, :2] + boxes[:, 2:]
    return Read(
        [hashlib.sha256(data).hexdigest() for data in files],
        {"answers": odds(np.array([of_field(one) for one in results])), "looks": looks},
        field_of,
        {
            "answers": np.hstack([odds(np.array(answers)), odds(boxes[:, 2:] / SIDE)]),
            "looks": features.astype(np.float64),
        },
        boxes[:, :2] + boxes[:, 2:] / 2,
        (boxes[:, :2].min(axis=1) > RIM) & (ends.max(axis=1) < SIDE - RIM),
    )


def of_field(result: Result) -> list[float]:
    """Return the probabilities of all backbones."""
    shares: dict[Backbone, dict[Subtype, float]] = result.backbone_probabilities
    return [shares[backbone][subtype] for backbone in BACKBONES for subtype in SUBTYPES]


def odds(shares: Floats) -> Floats:
    """Return log-odds, by which fields were compared before the server said how cells look."""
    clipped = np.clip(shares, LEAST, 1 - LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def overlapping(
    chosen: list[samples.Sample], rows: Ints
) -> Iterator[tuple[int, int, float, float]]:
    """Yield the pairs of some images that show the same cells, and the shift in pixels of SIDE."""
    stack = np.stack([one for *_, one in pictures.read(chosen[row].path for row in rows)])
    scale = SIDE / pictures.SIDE
    for one in overlaps.confirm(stack, shifts.propose(stack)):
        if one.sure:
            yield int(rows[one.first]), int(rows[one.second]), scale * one.down, scale * one.right


def seen_twice(
    data: Read, first: int, second: int, down: float, right: float
) -> Iterator[tuple[int, int]]:
    """Yield the cells of one field that the other shows as well, as they are found in both."""
    here, there = (np.flatnonzero(data.field_of == field) for field in (first, second))
    for cell in here if len(there) else ():
        gaps = np.linalg.norm(data.centres[there] + (right, down) - data.centres[cell], axis=1)
        other = there[gaps.argmin()]
        if gaps.min() < NEAR and data.whole[cell] and data.whole[other]:
            yield int(cell), int(other)


def join(sets: dict[int, set[int]], pairs: Iterable[tuple[int, int]]) -> None:
    """Note each of a pair with the other."""
    for one, other in pairs:
        sets.setdefault(one, set()).add(other)
        sets.setdefault(other, set()).add(one)


def found(
    vectors: Floats, field_of: Ints, files: list[str], expected: dict[int, set[int]]
) -> tuple[float, float]:
    """Return how often one that is expected is the nearest of other files, and among the five."""
    digests = np.array(files)[field_of]
    firsts = fives = 0
    for row, wanted in expected.items():
        distances = np.linalg.norm(vectors - vectors[row], axis=1)
        distances[digests == digests[row]] = np.inf
        order = np.argsort(distances, kind="stable")[:5].tolist()
        firsts += order[0] in wanted
        fives += bool(wanted & set(order))
    return firsts / len(expected), fives / len(expected)


def neighbours(data: Read, kind: str, cells: Ints) -> Ints:
    """Return the fields of the nearest cells of other fields, for some cells."""
    vectors = data.cells[kind]
    rows = []
    for cell in cells:
        distances = np.linalg.norm(vectors - vectors[cell], axis=1)
        distances[data.field_of == data.field_of[cell]] = np.inf
        rows.append(data.field_of[np.argsort(distances, kind="stable")[:NEIGHBOURS]])
    return np.array(rows)


if __name__ == "__main__":
    main()
