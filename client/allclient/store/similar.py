"""Finds the fields and cells that look most alike, by the features that the server gives of cells.

A cell is its 64 numbers, and a field is their mean over its cells, weighed by their areas. All are
held in memory and compared one by one: that is exact, and faster than an approximate index would
have to be (docs/howto/web.md). Of 100,000 cells it takes three milliseconds and 26 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from allclient.errors import RefusedError
from allclient.store.answers import features_of
from allclient.store.schema import Cell, Field
from allclient.store.sight import Sight

_TRIED: Final = 1000
"""Nearest rows that are looked at; some may be deleted, or of cases that are read blind."""

_BATCH: Final = 5000

_NEW: Final = (
    select(Cell.id, Cell.field_id, Cell.area_share, Cell.features)
    .where(Cell.id > bindparam("last"))
    .order_by(Cell.id)
    .limit(bindparam("most"))
)

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]
Near = list[tuple[int, float]]
"""Ids and how far they are, the nearest first."""


class Vectors:
    """Vectors by the ids of what they describe."""

    def __init__(self) -> None:
        self.ids: Ids = np.empty(0, np.int64)
        self.rows: Rows = np.empty((0, 0), np.float32)
        self._squares: Rows = np.empty(0, np.float32)

    def add(self, ids: Ids, rows: Rows) -> None:
        """Take more of them."""
        self.rows = np.concatenate([self.rows, rows]) if self.ids.size else rows
        self.ids = np.concatenate([self.ids, ids])
        self._squares = np.concatenate([self._squares, (rows**2).sum(axis=1)])

    def nearest(self, row_id: int) -> Near | None:
        """Return the others, ``_TRIED`` at most; None where this one is not known."""
        own = np.flatnonzero(self.ids == row_id)
        if not own.size:
            return None
        row = self.rows[own[0]]
        # All of them by one product, which rounds; then the nearest by their differences. Not by @:
        # the threads of its library spin for a while after it, and the backbones need the cores.
        rough = self._squares - 2 * np.einsum("ij,j->i", self.rows, row)
        some = np.arange(len(rough))
        if len(rough) > _TRIED + 1:
            some = np.argpartition(rough, _TRIED)[: _TRIED + 1]
        distances = np.linalg.norm(self.rows[some] - row, axis=1)
        order = np.lexsort((self.ids[some], distances))
        found = zip(self.ids[some][order].tolist(), distances[order].tolist(), strict=True)
        return [(other, far) for other, far in found if other != row_id]


class Similar:
    """What looks like a field or a cell, over all cases of a store; what is new is read when asked.

    Nothing is ever taken out: what was deleted is no longer found in the store.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells = Vectors()
        self._fields = Vectors()
        self._last = 0

    def read(self, session: Session, stop: Callable[[], bool]) -> None:
        """Read what is there already, until ``stop`` says so, so that nobody has to wait for it."""
        with self._lock:
            self._read(session, stop)

    def fields(
        self, session: Session, sight: Sight, field_id: int, limit: int
    ) -> list[tuple[Field, float]]:
        """Return the fields that look most like a field, with their distances, the nearest first.

        Raises:
            RefusedError: nothing is known of how it looks.
        """
        with self._lock:
            self._read(session, lambda: False)
            found = self._fields.nearest(field_id)
        if found is None:
            raise RefusedError(_why(session.get(Field, field_id)))
        rows = select(Field).options(joinedload(Field.answer), joinedload(Field.case))
        return _present(session, found, limit, rows.where(sight.seen()), Field.id)

    def cells(
        self, session: Session, sight: Sight, cell_id: int, limit: int
    ) -> list[tuple[Cell, float]]:
        """Return the cells that look most like a cell, with their distances, the nearest first.

        Raises:
            RefusedError: nothing is known of how it looks.
        """
        with self._lock:
            self._read(session, lambda: False)
            found = self._cells.nearest(cell_id)
        if found is None:
            raise RefusedError(_OLDER)
        rows = select(Cell).join(Field, Field.id == Cell.field_id)
        rows = rows.options(joinedload(Cell.field).joinedload(Field.case))
        return _present(session, found, limit, rows.where(sight.seen()), Cell.id)

    def _read(self, session: Session, stop: Callable[[], bool]) -> None:
        """Take in the cells that came since, and their fields, whose cells come all at once."""
        rest: list[Any] = []
        while not stop():
            last = rest[-1].id if rest else self._last
            new = session.execute(_NEW, {"last": last, "most": _BATCH}).all()
            rows = [*rest, *new]
            # The last field's cells may go on in the next batch.
            rest = [row for row in rows if row.field_id == rows[-1].field_id] if new else []
            self._take(rows[: len(rows) - len(rest)])
            if not new:
                return

    def _take(self, rows: Sequence[Any]) -> None:
        if not rows:
            return
        self._last = rows[-1].id
        rows = [row for row in rows if row.features is not None]
        if not rows:
            return
        cells = np.stack([features_of(row.features) for row in rows])
        self._cells.add(np.array([row.id for row in rows]), cells)
        fields = np.array([row.field_id for row in rows])
        starts = np.flatnonzero(np.diff(fields, prepend=-1))
        weights = np.array([[row.area_share] for row in rows], np.float32) + np.float32(1e-9)
        sums, shares = (np.add.reduceat(each, starts) for each in (cells * weights, weights))
        self._fields.add(fields[starts], sums / shares)


_OLDER: Final = (
    "the server that read this does not say how cells look, so nothing can be found that is like "
    "it. What a newer one reads can be compared"
)


def _why(field: Field | None) -> str:
    """Return why nothing is known of how a field looks."""
    if field is None or field.answer is None:
        return "the networks have not read this field yet, so nothing is like it"
    if field.answer.leukocytes == 0:
        return "no leukocyte was found in this field, so there is nothing to compare"
    return _OLDER


def _present(
    session: Session,
    found: Near,
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
