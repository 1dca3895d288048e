"""Finds the fields and cells that the backbones answer most alike.

The server gives no features of its backbones, so a field is the log-odds of each backbone's four
calibrated probabilities, and a cell those of its own with its size. That finds what is hard for the
backbones in the same way; it knows nothing of stain or texture. The vectors are held in memory and
compared one by one, which is exact and takes a few milliseconds for 100,000 cells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, Row, Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from allclient.contract import BACKBONES, SUBTYPES
from allclient.errors import RefusedError
from allclient.store.schema import Answer, Cell, Field
from allclient.store.sight import Sight

_LEAST: Final = 1e-3
"""Probabilities below are one and the same: their odds say nothing more."""

_TRIED: Final = 1000
"""Nearest rows that are looked at; some may be deleted, or of cases that are read blind."""

_BATCH: Final = 5000


def of_field(probabilities: dict[str, dict[str, float]]) -> list[float]:
    """Return the vector of a field; a backbone that did not run counts as undecided."""
    undecided = dict.fromkeys((subtype.value for subtype in SUBTYPES), 1 / len(SUBTYPES))
    shares = [probabilities.get(backbone.value, undecided) for backbone in BACKBONES]
    return [one[subtype.value] for one in shares for subtype in SUBTYPES]


class Vectors:
    """The vectors of all rows of a table, by id; what is new is read when somebody asks."""

    def __init__(self, rows: Select[Any], vector: Callable[[Row[Any]], list[float]]) -> None:
        self._rows = rows
        self._vector = vector
        self._lock = threading.Lock()
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._last = 0

    def nearest(self, session: Session, row_id: int) -> list[tuple[int, float]]:
        """Return the ids of the other rows and their distances, the nearest first."""
        with self._lock:
            self._update(session)
            ids, vectors = self._ids, self._vectors
        own = np.flatnonzero(ids == row_id)
        if not own.size:
            raise RefusedError("the backbones have not read this yet, so nothing is like it")
        distances = np.linalg.norm(vectors - vectors[own[0]], axis=1)
        order = np.argsort(distances, kind="stable")[: _TRIED + 1]
        return [(int(ids[i]), float(distances[i])) for i in order if ids[i] != row_id]

    def read(self, session: Session, stop: Callable[[], bool]) -> None:
        """Read what is there already, so that who asks first need not wait for it."""
        with self._lock:
            self._update(session, stop)

    def _update(self, session: Session, stop: Callable[[], bool] = lambda: False) -> None:
        most = {"most": _BATCH}
        while not stop() and (
            found := session.execute(self._rows, {"last": self._last, **most}).all()
        ):
            new = _odds([self._vector(row) for row in found])
            self._vectors = np.concatenate([self._vectors, new]) if self._ids.size else new
            self._ids = np.concatenate([self._ids, [row.id for row in found]])
            self._last = found[-1].key


class Similar:
    """What is like a field or a cell, over all cases of a store."""

    def __init__(self) -> None:
        last: BindParameter[int] = bindparam("last")
        most: BindParameter[int] = bindparam("most")
        answers = select(
            Answer.field_id.label("id"), Answer.id.label("key"), Answer.backbone_probabilities
        )
        self._fields = Vectors(
            answers.where(Answer.id > last).order_by(Answer.id).limit(most),
            lambda row: of_field(row.backbone_probabilities),
        )
        cells = select(Cell.id, Cell.id.label("key"), Cell.probabilities, Cell.width, Cell.height)
        self._cells = Vectors(
            cells.where(Cell.id > last).order_by(Cell.id).limit(most),
            lambda row: [
                *(row.probabilities[subtype.value] for subtype in SUBTYPES),
                row.width,
                row.height,
            ],
        )

    def read(self, session: Session, stop: Callable[[], bool]) -> None:
        """Read the vectors of everything that is there already, until ``stop`` says so."""
        self._fields.read(session, stop)
        self._cells.read(session, stop)

    def fields(
        self, session: Session, sight: Sight, field_id: int, limit: int
    ) -> list[tuple[Field, float]]:
        """Return the fields most like a field, with their distances, the nearest first."""
        rows = select(Field).options(joinedload(Field.answer), joinedload(Field.case))
        found = self._fields.nearest(session, field_id)
        return _present(session, found, limit, rows.where(sight.seen()), Field.id)

    def cells(
        self, session: Session, sight: Sight, cell_id: int, limit: int
    ) -> list[tuple[Cell, float]]:
        """Return the cells most like a cell, with their distances, the nearest first."""
        rows = select(Cell).join(Field, Field.id == Cell.field_id)
        rows = rows.options(joinedload(Cell.field).joinedload(Field.case))
        found = self._cells.nearest(session, cell_id)
        return _present(session, found, limit, rows.where(sight.seen()), Cell.id)


def _odds(shares: Iterable[list[float]]) -> NDArray[np.float32]:
    clipped = np.clip(np.array(list(shares), np.float32), _LEAST, 1 - _LEAST)
    return np.log(clipped / (1 - clipped))


def _present(
    session: Session,
    found: Sequence[tuple[int, float]],
    limit: int,
    rows: Select[Any],
    key: InstrumentedAttribute[int],
) -> list[tuple[Any, float]]:
    """Return the first ``limit`` of those that ``rows`` has, by ``key``; some may be deleted."""
    shown: list[tuple[Any, float]] = []
    for start in range(0, len(found), 2 * limit):
        some = found[start : start + 2 * limit]
        loaded = session.scalars(rows.where(key.in_([row_id for row_id, _ in some])))
        present = {row.id: row for row in loaded}
        shown += [(present[row_id], far) for row_id, far in some if row_id in present]
        if len(shown) >= limit:
            break
    return shown[:limit]
