"""Makes a case of drawn fields, to try the page without a patient's picture.

The files in ``drawn`` are the first six of ``samples.render.images``; an installed allclient
cannot draw them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from allclient.store import Actor, Store, cases, fields

DRAWN: Final = Path(__file__).parent / "drawn"
NAME: Final = "Demo: drawn fields"


def make_case(store: Store, actor: Actor) -> int:
    """Return the id of a new case whose fields are drawn; they wait for the backbones."""
    with store.write() as session:
        case_id = cases.make(session, actor, NAME).id
    for path in sorted(DRAWN.glob("*.jpg")):
        data = path.read_bytes()
        with store.files.receive(len(data)) as incoming:
            incoming.write(data)
            incoming.finish()
            fields.accept(store, actor, case_id, path.name, incoming)
    return case_id
