"""Puts all parts of the page together: store, worker, application and its first person."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from allclient.store import SYSTEM, Store, users
from allclient.store.similar import Similar
from allclient.store.words import Role
from allclient.threads import beside
from allclient.watching import watched_by
from allclient.web import verified
from allclient.web.app import make_app
from allclient.web.hub import Hub
from allclient.web.serving import Serving, make_server
from allclient.web.settings import Settings
from allclient.web.worker import Worker

_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return where the data is if nobody names a folder."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "allclient"


class Program:
    """The page over one store; ``worker`` gets its classifier from outside, or none.

    With ``pacs`` the signatures of cases that came as DICOM objects are handed over.
    """

    def __init__(self, store: Store, settings: Settings, pacs: verified.Pacs | None = None) -> None:
        self.store = store
        self.pacs = pacs
        self.settings = settings
        self.hub = Hub()
        self.worker = Worker(store, self.hub)
        self.app = make_app(store, self.worker, self.hub, settings, pacs)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Read waiting fields for as long as the block lasts."""
        with watched_by(self.app.state.metrics.client):
            self.worker.start()
            if self.pacs is not None:
                verified.hand_over_all(self.store, self.pacs)
            try:
                with beside(self._read_vectors, "allclient-web-similar"):
                    yield
            finally:
                self.worker.stop()
                self.store.close()

    def _read_vectors(self, over: threading.Event) -> None:
        similar: Similar = self.app.state.similar
        try:
            with self.store.read() as session:
                similar.read(session, over.is_set)
        except SQLAlchemyError:  # a database that is away: who asks for similar fields is told
            _log.exception("the vectors of fields and cells cannot be read")

    def server(
        self, proxies: tuple[str, ...] = (), ready: Callable[[], None] = lambda: None
    ) -> Serving:
        """Return what answers browsers; its ``run`` takes a socket of ``serving.listen``."""
        # What stays for good need not be looked through each time that garbage is collected, which
        # makes a request wait for a quarter of a second now and then.
        gc.collect()
        gc.freeze()
        return make_server(
            self.app,
            self.hub,
            root_path=self.settings.root_path,
            proxies=proxies,
            ready=ready,
        )


def first_link(store: Store, url: str) -> str | None:
    """Return a one-time link for the first admin; None if somebody may log in already."""
    with store.write() as session:
        if not users.is_empty(session):
            return None
        users.withdraw_invitations(session)
        return f"{url}/welcome/{users.invite(session, SYSTEM, Role.ADMIN)}"
