"""What a field costs beside the models: a client's work, a row of Parquet, rows of the store.

    python deploy/perf/volumes.py

The client is a worker of the bulk engine in this process, which asks a stand-in that repeats real
answers with their cells (``bulk.py``); its processor time is counted. The sizes are of answers with
eleven cells of random numbers, which nothing makes smaller: real ones are at most as large.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bulk
import numpy as np

from allclient.bulk.asking import Asking
from allclient.bulk.places import Place
from allclient.bulk.plan import Plan
from allclient.bulk.schema import FIELDS, FIELDS_ALONE, parquet, values_of
from allclient.bulk.worker import Worker
from allclient.cell import Cell
from allclient.contract import BACKBONES, CELL_FEATURES, SUBTYPES, Subtype
from allclient.result import Outcome, Result
from allclient.store import SYSTEM, Store, cases, fields

CELLS = 11
"""The leukocytes of a field of the public data set, on the average."""

PART = 512


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=8 * PART, help="that the client reads")
    parser.add_argument("--rows", type=int, default=1000, help="of which a size is the mean")
    asked = parser.parse_args()
    results = list(drawn(asked.rows))
    rows = [values_of(Outcome(f"case-0/{place:08d}.jpg", one)) for place, one in enumerate(results)]
    with tempfile.TemporaryDirectory(prefix="volumes-") as name:
        folder = Path(name)
        figures = {
            "cells": CELLS,
            "client_ms": round(client_ms(folder, asked.files), 2),
            "parquet_bytes": round(len(parquet(rows, FIELDS)) / asked.rows),
            "parquet_bytes_without_cells": round(len(parquet(rows, FIELDS_ALONE)) / asked.rows),
            "store_bytes": round(store_bytes(folder / "store", results)),
        }
    print(json.dumps(figures, indent=1))


def drawn(count: int) -> Iterator[Result]:
    """Yield answers of random numbers."""
    rng = random.Random(0)  # noqa: S311  it makes figures
    features = np.random.default_rng(0)

    def shares() -> dict[Subtype, float]:
        parts = [rng.random() for _ in SUBTYPES]
        return {subtype: part / sum(parts) for subtype, part in zip(SUBTYPES, parts, strict=True)}

    def best(of: dict[Subtype, float]) -> Subtype:
        return max(of, key=of.__getitem__)

    for _ in range(count):
        backbones = {backbone: shares() for backbone in BACKBONES}
        whole = shares()
        yield Result(
            label=best(whole).label,
            subtype=best(whole),
            probabilities=whole,
            backbone_probabilities=backbones,
            votes={backbone: best(one) for backbone, one in backbones.items()},
            review=(),
            ood_score=rng.random(),
            heatmap=np.array([rng.random() for _ in range(49)], np.float32).reshape(7, 7),
            model_version="1",
            cells=tuple(
                Cell(
                    x=rng.random(),
                    y=rng.random(),
                    width=rng.random(),
                    height=rng.random(),
                    probabilities=shares(),
                    area_share=rng.random(),
                    agreement=rng.random(),
                )
                for _ in range(CELLS)
            ),
            features=features.normal(size=(CELLS, *CELL_FEATURES.shape[1:])).astype(np.float32),
        )


def client_ms(folder: Path, files: int) -> float:
    """Return the processor time of a worker for one file, in milliseconds."""
    images = bulk.fields()
    bulk.take_down(images, folder / "answers")
    bulk.link(folder / "in", images, files)
    plan = Plan(Place(str(folder / "out")))
    plan.make(sorted(map(str, (folder / "in").rglob("*.jpg"))), {}, PART)
    with bulk.stand_in(folder / "answers") as server:
        worker = Worker(plan.place.url, Asking("/", server))
        worker({"part": 0})  # imports, connections
        begun = time.process_time()
        done = sum(int(worker({"part": part})["files"]) for part in range(1, plan.parts))
        return 1000 * (time.process_time() - begun) / done


def store_bytes(folder: Path, results: list[Result]) -> float:
    """Return how much a field with its answer and cells adds to the web page's database."""
    store = Store(folder)
    with store.write() as session:
        case_id = cases.make(session, SYSTEM, "case").id
    for place, result in enumerate(results):
        name = f"{place:08d}.png"
        with store.files.receive(1000) as incoming:
            incoming.write(b"\x89PNG\r\n\x1a\n" + name.encode())
            incoming.finish()
            field, _ = fields.accept(store, SYSTEM, case_id, name, incoming)
        fields.record_answer(store, field.id, result)
    store.close()  # which brings what is written ahead into the database
    return (folder / "store.sqlite").stat().st_size / len(results)


if __name__ == "__main__":
    main()
