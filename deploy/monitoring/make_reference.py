"""Writes the profile that drift is measured against: a release's answers on its test fields.

    python deploy/monitoring/make_reference.py --data all-smears --out reference.json

The fields are those that ``split.csv`` names as held back for testing: of slides that the networks
know, and never trained on. Its mix of labels is that of the data set, not of a hospital; a site
takes a profile of its own, once its answers are known to be good (docs/howto/watch.md).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
from pathlib import Path

from allclient import Client
from allclient.contract import BACKBONES
from allclient.drift.profile import CELL_SIZE, OOD_SCORE, Profile, edges_of
from allclient.local import LocalServer
from allclient.result import Result

ROOT = Path(__file__).resolve().parents[2]


def size(width: float, height: float) -> float:
    """Return the size of a cell, as a share of the field's side."""
    return math.sqrt(width * height)


def profile_of(results: list[Result]) -> Profile:
    """Return a profile with bins of its own."""
    sizes = [[size(cell.width, cell.height) for cell in one.cells or ()] for one in results]
    made = Profile(
        {
            OOD_SCORE: edges_of([one.ood_score for one in results]),
            CELL_SIZE: edges_of([one for field in sizes for one in field]),
        }
    )
    for result, cells in zip(results, sizes, strict=True):
        made.add(
            result.subtype,
            review=result.needs_review,
            ood_score=result.ood_score,
            cell_sizes=cells,
        )
    return made


def content_of(folder: Path, names: list[str]) -> str:
    """Return SHA-256 over names and contents of images, as the records of masters hold it."""
    total = hashlib.sha256()
    for path in sorted(folder / name for name in names):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def networks() -> dict[str, str]:
    """Return SHA-256 over graph and weights of every backbone that is served."""
    found = {}
    for backbone in BACKBONES:
        graph = ROOT / "model_repository" / backbone.value / "1" / "model.xml"
        content = graph.read_bytes() + graph.with_suffix(".bin").read_bytes()
        found[f"{backbone.value}/{graph.name}"] = hashlib.sha256(content).hexdigest()
    return found


def main() -> None:
    """Classify the test part with the checkout's models, and write the profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with split.csv")
    parser.add_argument("--part", default="test")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with (options.data / "split.csv").open(newline="") as file:
        names = [row["path"] for row in csv.DictReader(file) if row["split"] == options.part]
    with LocalServer(ROOT / "model_repository") as server, Client(server.grpc_address) as client:
        stream = client.classify_many((options.data / name for name in names), cells=True)
        made = profile_of([outcome.unwrap() for outcome in stream])
    made.about = {
        "data": options.data.name,
        "part": options.part,
        "fields": len(names),
        "sha256": content_of(options.data, names),
        "networks": networks(),
    }
    options.out.write_text(made.dumps(), "utf-8")
    print(f"{options.out}: {made.answers} answers")


if __name__ == "__main__":
    main()
