"""Has the waiting fields read by the backbones, in the background, in the order they came.

What waits stands in the store, so nothing is lost when this process is killed, and it all goes on
without a page open. While no server answers, fields wait and everything else works.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
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
from allclient.web import outage
from allclient.web.hub import Hub

_log = logging.getLogger(__name__)

IN_FLIGHT: Final = 16
"""Fields at the server at once: enough for its dynamic batcher to fill batches."""

_AHEAD: Final = 64
"""Waiting fields that are looked up at once, so that the server need not wait for the store."""

_LOOK: Final = 5.0
"""Seconds until the store is asked for fields that another program put there."""

_PAUSE: Final = 5.0
"""Seconds until a server that is away is asked again."""

_LAST: Final = 5.0
"""Seconds that fields at the server get when the program ends."""


class Classifier(Protocol):
    """What reads one encoded image; ``allclient.Client`` is one."""

    def classify(self, source: bytes, /, *, features: bool, um_per_pixel: float | None) -> Result:
        """Return the answer for one encoded image, with its cells and how they look."""


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
        self._ahead: deque[Field] = deque()
        """Looked up and not begun; only the dispatcher's."""
        self._at_server = 0
        self._busy: set[int] = set()
        """Fields at the server, and those whose answers are not in the store yet."""
        self._answers: list[tuple[Field, Result]] = []
        self._recording = threading.Lock()
        self._changed = threading.Condition()
        self._wanted = True
        self._stopping = False
        self._away = False
        self._threads = DaemonThreads(2 * in_flight, "allclient-web-read")
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
        while True:
            with self._changed:
                if self._away:
                    self._changed.wait_for(lambda: self._stopping, self._pause)
                    self._away, self._wanted = False, True
                elif not self._changed.wait_for(self._may_begin, _LOOK):
                    self._wanted = True
                if self._stopping:
                    return
            try:
                self._begin()
            except outage.ERRORS as error:  # it comes back
                outage.record(error)
                with self._changed:
                    self._away = True
            except Exception:
                _log.exception("the fields that wait cannot be looked up")
                with self._changed:
                    self._away = True

    def _may_begin(self) -> bool:
        waiting = self._ahead or self._wanted
        return self._stopping or self._away or bool(waiting and self._classifier and self._free())

    def _free(self) -> int:
        """Return how many more fields may be begun; answers that pile up stop it, too."""
        return min(self._in_flight - self._at_server, 2 * self._in_flight - len(self._busy))

    def _begin(self) -> None:
        """Hand waiting fields to the threads, as many as are free."""
        classifier = self._classifier
        if classifier is None or self._away:
            return
        if not self._ahead:
            self._look()
        with self._changed:
            begun = [self._ahead.popleft() for _ in range(min(self._free(), len(self._ahead)))]
            self._busy.update(field.id for field in begun)
            self._at_server += len(begun)
        for field in begun:
            self._threads.submit(self._read, classifier, field)

    def _look(self) -> None:
        with self._changed:
            busy, self._wanted = frozenset(self._busy), False
        with self._store.read() as session:
            self._ahead.extend(fields.waiting(session, limit=_AHEAD, but=busy))
        if len(self._ahead) == _AHEAD:
            with self._changed:
                self._wanted = True

    def _read(self, classifier: Classifier, field: Field) -> None:
        away = answered = False
        try:
            with watching.step("web: read a field"):
                answered = self._settle(classifier, field)
        except ServerError as error:
            away = True
            self.explain(f"The backbones do not answer ({error}); new fields wait, review works.")
        except outage.ERRORS as error:
            outage.record(error)
            away = True
        except Exception:
            _log.exception("field %d cannot be settled", field.id)
            away = True
        finally:
            with self._changed:
                self._busy.discard(field.id)
                self._away = self._away or away
                # Somebody may have asked for it again before it was settled.
                self._wanted = self._wanted or not answered
                self._changed.notify_all()

    def _settle(self, classifier: Classifier, field: Field) -> bool:
        """Have a field read; return False if it failed."""
        try:
            try:
                data = self._store.files.read(field.digest)
                result = classifier.classify(data, features=True, um_per_pixel=field.um_per_pixel)
            finally:
                with self._changed:
                    self._at_server -= 1
                    self._changed.notify_all()
        except NotFoundError:
            return False  # deleted in the meantime
        except (ImageError, ServerLostError, InferenceError, StoreError) as error:
            if fields.record_failure(self._store, field.id, error):
                self._tell(field, state="failed", code=error.code, message=str(error))
            return False
        if not self.ready:
            self.ready, self.status = True, "The backbones are ready."
        with self._changed:
            self._answers.append((field, result))
        self._record()
        return True

    def _record(self) -> None:
        """Put the answers that are here into the store; those of other threads as well."""
        with self._recording:
            with self._changed:
                answers, self._answers = self._answers, []
            if not answers:
                return  # another thread took this one's
            results = {field.id: result for field, result in answers}
            recorded = fields.record_answers(self._store, results)
        for field, result in answers:
            if field.id in recorded:
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
