"""Server time of every page of a store with 10,000 fields and 100,000 cells.

    .venv/bin/python deploy/perf/pages.py

The pages are asked for in this process, with SQLite in it, and what is counted is the time of the
processor, so that other programs beside it change little.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert
from starlette.testclient import TestClient

from allclient.contract import BACKBONES, SUBTYPES
from allclient.store import SYSTEM, Store, users
from allclient.store.schema import Answer, Case, Cell, Field, File, Verification, now
from allclient.store.words import Role
from allclient.web.people import COOKIE, open_session
from allclient.web.program import Program
from allclient.web.settings import Settings

CELLS = 10
DAYS = 7
PATHS = {
    "cases": "/",
    "case of 200 fields": "/cases/2",
    "case of 2,000 fields": "/cases/1",
    "the same, page 9": "/cases/1?page=9",
    "its cells": "/cases/1/cells",
    "panel of a field": "/fields/1/panel",
    "worklist": "/search?open=true&review=true",
    "search by subtype": "/search?subtype=pre_b",
    "search by text": "/search?text=arrow",
    "search for disputed": "/search?disputed=true",
    "similar fields": "/fields/1/similar",
    "similar cells": "/cells/1/similar",
    "readers": "/agreement",
    "audit log": "/audit",
    "drift": "/drift",
    "interface: case": "/api/v1/cases/1",
    "interface: fields": "/api/v1/fields?limit=100",
}


def fill(store: Store, sizes: list[int]) -> None:
    """Cases of these sizes: answers, cells, and a verdict of every third field."""
    field_id = 0
    heatmap = [[0.5] * 7] * 7
    random = np.random.default_rng(0)
    with store.write() as session:
        reader = users.add(session, SYSTEM, "Reader", users.hash_password("x" * 12), Role.ADMIN)
        for case_id, size in enumerate(sizes, 1):
            session.execute(insert(Case), [{"name": f"Marrow {case_id}", "created_by": "Reader"}])
            ids = range(field_id + 1, field_id + size + 1)
            field_id += size
            answers: list[dict[str, Any]] = []
            cells: list[dict[str, Any]] = []
            for one in ids:
                subtype = SUBTYPES[one % 4]
                shares = {s.value: 0.7 if s is subtype else 0.1 for s in SUBTYPES}
                answers.append(
                    {
                        "field_id": one,
                        "model_version": "1",
                        "label": subtype.label.value,
                        "subtype": subtype.value,
                        "probability": 0.7,
                        "probabilities": shares,
                        "backbone_probabilities": {b.value: shares for b in BACKBONES},
                        "votes": {b.value: subtype.value for b in BACKBONES},
                        "review": ["low_confidence"] if one % 5 == 0 else [],
                        "ood_score": 0.2,
                        "heatmap": heatmap,
                        "leukocytes": CELLS,
                        "malignant_leukocytes": CELLS // 2,
                        "created_at": now() - timedelta(days=one % DAYS),
                    }
                )
                cells += [
                    {
                        "case_id": case_id,
                        "field_id": one,
                        "number": number,
                        "x": 0.08 * number,
                        "y": 0.1,
                        "width": 0.1,
                        "height": 0.1,
                        "probabilities": shares,
                        "area_share": 0.1,
                        "agreement": 1.0,
                        "subtype": subtype.value,
                        "probability": 0.7,
                        "shown_as": subtype.value,
                        "features": random.normal(size=64).astype("<f2").tobytes(),
                    }
                    for number in range(CELLS)
                ]
            session.execute(
                insert(File),
                [{"digest": f"{one:064x}", "size": 1, "media_type": "image/png"} for one in ids],
            )
            session.execute(
                insert(Field),
                [
                    {
                        "case_id": case_id,
                        "digest": f"{one:064x}",
                        "name": f"field-{one}.png",
                        "state": "answered",
                        "urgency": (one % 40) / 10,
                        "verdict": "" if one % 3 else "confirmed",
                        "created_by": "Reader",
                        "site": f"Site {case_id % 5}",
                    }
                    for one in ids
                ],
            )
            session.execute(insert(Answer), answers)
            session.execute(insert(Cell), cells)
            session.execute(
                insert(Verification),
                [
                    {
                        "field_id": one,
                        "user_id": reader.id,
                        "user_name": "Reader",
                        "verdict": "confirmed",
                        "subtype": SUBTYPES[one % 4].value,
                        "comment": "",
                        "created_at": now(),
                    }
                    for one in ids
                    if one % 3 == 0
                ],
            )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        fill(store, [2000, *[200] * 40])
        page = Program(store, dataclasses.replace(Settings(), hosts=("testserver",)))
        page.server()  # as it runs
        with store.read() as session:
            user = users.everybody(session)[0]
            page.app.state.similar.read(session, lambda: False)
        browser = TestClient(page.app, cookies={COOKIE: open_session(store, user)})
        times: dict[str, list[float]] = {name: [] for name in PATHS}
        sizes = {}
        for _ in range(options.rounds + 1):
            for name, path in PATHS.items():
                started = time.process_time()
                answer = browser.get(path)
                times[name].append(1000 * (time.process_time() - started))
                assert answer.status_code == 200, (path, answer.text[:200])
                sizes[name] = len(answer.content)
        print("| page | first, ms | median, ms | worst, ms | kB |\n| --- | --: | --: | --: | --: |")
        for name, (first, *later) in times.items():
            middle, worst = statistics.median(later), max(later)
            size = sizes[name] / 1000
            print(f"| {name} | {first:.0f} | {middle:.0f} | {worst:.0f} | {size:.0f} |")
        store.close()


if __name__ == "__main__":
    main()
