"""Draws docs/images/drift.webp: the drift page over a week of made-up answers of two scanners.

Those of scanner-a are drawn from the release's reference; from the last three days on, those of
scanner-b come from a camera that shows cells larger, and are unlike the known images.

Run: python docs/drift_picture.py docs/images/drift.webp
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from allclient.contract import SUBTYPES, Subtype
from allclient.drift import reference
from allclient.drift.profile import CELL_SIZE, OOD_SCORE, REVIEW, SUBTYPE
from allclient.store import Store
from allclient.store.schema import Answer, Case, Cell, Field, File, now
from allclient.web import program, serving
from allclient.web.settings import Settings

WIDTH, HEIGHT = 1280, 900
SITES = {"scanner-a": "City Hospital", "scanner-b": "North Laboratory"}
A_DAY = 60
MOVED_DAYS = 3


def fill(store: Store) -> None:
    """Put in a week of answers."""
    draw = np.random.default_rng(5)
    bins = reference()

    def drawn(name: str) -> int:
        counts = np.array(bins.counts[name])
        return int(draw.choice(len(counts), p=counts / counts.sum()))

    def number(name: str) -> float:
        edges = bins.edges[name]
        return float([edges[0] * 0.9, *edges][drawn(name)])

    with store.write() as session:
        case = Case(name="week", created_by="scanner-a")
        session.add(case)
        session.flush()
        for each in range(7 * A_DAY * 2):
            source, day = f"scanner-{'ab'[each % 2]}", each // (A_DAY * 2)
            moved = source == "scanner-b" and day < MOVED_DAYS
            subtype = Subtype(SUBTYPES[drawn(SUBTYPE)])
            digest = f"{each:064d}"
            session.add(File(digest=digest, size=1, media_type="image/png"))
            field = Field(
                case_id=case.id,
                digest=digest,
                name="field",
                state="answered",
                created_by=source,
                site=SITES[source],
            )
            session.add(field)
            session.flush()
            session.add(
                Answer(
                    field_id=field.id,
                    model_version="1",
                    label=subtype.label.value,
                    subtype=subtype.value,
                    probability=0.9,
                    probabilities={},
                    backbone_probabilities={},
                    votes={},
                    review=["disagreement"] * (moved or drawn(REVIEW)),
                    ood_score=number(OOD_SCORE) + 0.4 * moved,
                    heatmap=[],
                    created_at=now() - timedelta(days=day, minutes=1),
                )
            )
            for cell in range(5):
                side = number(CELL_SIZE) * (1.3 if moved else 1.001)
                session.add(
                    Cell(
                        case_id=case.id,
                        field_id=field.id,
                        number=cell,
                        x=0,
                        y=0,
                        width=side,
                        height=side,
                        probabilities={},
                        area_share=0.2,
                        agreement=1,
                        subtype=subtype.value,
                        probability=0.9,
                        shown_as=subtype.value,
                    )
                )


def main(picture: Path) -> None:
    """Open the page as its first admin does, and take its picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Store(Path(folder))
        fill(store)
        page = program.Program(store, Settings())
        listening = serving.listen("127.0.0.1", 0)
        started = threading.Event()
        server = page.server(ready=started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        started.wait()
        url = serving.url_of(listening)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(str(program.first_link(store, url)))
        tab.get_by_label("Name").fill("Ada")
        tab.get_by_label("Password, 12").fill("correct horse battery")
        tab.get_by_label("The password again").fill("correct horse battery")
        tab.get_by_role("button", name="Begin").click()
        tab.get_by_role("heading", name="Cases").wait_for()
        tab.goto(f"{url}/drift")
        shot = Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("RGB")
        browser.close()
        server.should_exit = True
        thread.join()
        store.close()
    shot.save(picture, "WEBP", quality=80, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
