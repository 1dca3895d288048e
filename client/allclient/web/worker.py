"""Has the waiting fields read by the backbones, in the background, in the order they came.

What waits stands in the store, so nothing is lost when this process is killed, and it all goes on
without a page open. While no server answers, fields wait and everything else works.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final, Protocol

from allclient import watching
from allclient.errors import (
    ImageError,
    InferenceError,
    NotFoundError,
    ServerError,
    ServerLostError,
    StoreError,
)
from allclient.result import Result
from allclient.store import Store, fields
from allclient.store.schema import Field
from allclient.threads import DaemonThreads
from allclient.web.hub import Hub

_log = logging.getLogger(__name__)

IN_FLIGHT: Final = 16
"""Fields at the server at once: enough for its dynamic batcher to fill batches."""

_LOOK: Final = 5.0
"""Seconds until the store is asked for fields that another program put there."""

_PAUSE: Final = 5.0
"""Seconds until a server that is away is asked again."""

_LAST: Final = 5.0
"""Seconds that fields at the server get when the program ends."""


class Classifier(Protocol):
    """What reads one encoded image; ``allclient.Client`` is one."""

    def classify(self, source: bytes, /, *, cells: bool, um_per_pixel: float | None) -> Result:
        """Return the answer for one encoded image."""


class Worker:
    """Reads waiting fields; ``status`` says how the backbones are, ``ready`` if they answer."""

    def __init__(
        self, store: Store, hub: Hub, *, in_flight: int = IN_FLIGHT, pause: float = _PAUSE
    ) -> None:
        self._store = store
        self._hub = hub
        self._in_flight = in_flight
        self._pause = pause
        self._classifier: Classifier | None = None
        self._busy: set[int] = set()
        self._changed = threading.Condition()
        self._wanted = True
        self._stopping = False
        self._away = False
        self._threads = DaemonThreads(in_flight, "allclient-web-read")
        self._dispatcher = threading.Thread(
            target=self._run, name="allclient-web-worker", daemon=True
        )
        self.ready = False
        self.status = "The backbones are not running; new fields wait, review works."

    def start(self) -> None:
        """Start to read."""
        self._dispatcher.start()

    def use(self, classifier: Classifier) -> None:
        """Read with this classifier from now on."""
        self._classifier = classifier
        self.ready, self.status = True, "The backbones are ready."
        self.wake()

    def explain(self, status: str) -> None:
        """Say why there is nobody who reads."""
        self.ready, self.status = False, status

    def wake(self) -> None:
        """Look at once: something was accepted."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Begin nothing more, and wait a moment for what was begun; the rest waits in the store."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._dispatcher.join()
        self._threads.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, _LAST)

    def _run(self) -> None:
        while not self._stopping:
            try:
                begun = self._begin()
            except Exception:  # a database that is away comes back
                _log.exception("the fields that wait cannot be looked up")
                begun = False
            with self._changed:
                if not begun:
                    self._changed.wait_for(
                        lambda: self._stopping or self._wanted or self._away, _LOOK
                    )
                if self._away:
                    self._changed.wait_for(lambda: self._stopping, self._pause)
                self._wanted = self._away = False

    def _begin(self) -> bool:
        """Hand waiting fields to the threads; return whether there may be more to do at once."""
        classifier = self._classifier
        with self._changed:
            busy = frozenset(self._busy)
        free = self._in_flight - len(busy)
        if classifier is None or free == 0 or self._away:
            return False
        with self._store.read() as session:
            waiting = fields.waiting(session, limit=free, but=busy)
        for field in waiting:
            with self._changed:
                self._busy.add(field.id)
            self._threads.submit(self._read, classifier, field)
        return bool(waiting)

    def _read(self, classifier: Classifier, field: Field) -> None:
        away = False
        try:
            with watching.step("web: read a field"):
                self._settle(classifier, field)
        except ServerError as error:
            away = True
            self.explain(f"The backbones do not answer; new fields wait. {error}")
        except Exception:
            _log.exception("field %d cannot be settled", field.id)
            away = True
        finally:
            with self._changed:
                self._busy.discard(field.id)
                self._away = self._away or away
                self._wanted = self._wanted or not away
                self._changed.notify_all()

    def _settle(self, classifier: Classifier, field: Field) -> None:
        try:
            data = self._store.files.read(field.digest)
            result = classifier.classify(data, cells=True, um_per_pixel=field.um_per_pixel)
        except NotFoundError:
            return  # deleted in the meantime
        except (ImageError, ServerLostError, InferenceError, StoreError) as error:
            if fields.record_failure(self._store, field.id, error):
                self._tell(field, state="failed", code=error.code, message=str(error))
            return
        if not self.ready:
            self.ready, self.status = True, "The backbones are ready."
        if fields.record_answer(self._store, field.id, result):
            self._tell(
                field,
                state="answered",
                label=result.label.value,
                subtype=result.subtype.value,
                probability=result.probability,
                review=[reason.value for reason in result.review],
            )

    def _tell(self, field: Field, **what: Any) -> None:
        self._hub.publish(
            field.case_id, {"event": "field", "field": field.id, "name": field.name, **what}
        )
