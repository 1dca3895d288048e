"""Changes the release that a running server serves, without a request that fails.

The new release's models are loaded beside the old ones, under other names, and tried. Then each
model that clients ask is loaded anew, now asking the new ones: Triton gives it the new requests and
lets the old ones come to their end. When nothing is under way in the old models they are unloaded.
So every answer is wholly of one release, and every step before the last can be taken back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allclient.contract import ENSEMBLE
from allclient.errors import AllclientError, LocalServerError, ServerUnavailableError
from allclient.local import repository as repositories
from allclient.local import served, stubs
from allclient.local.probe import tiny_png
from allclient.transport import Connection, Retry
from allclient.transport.blocking import Transport

if TYPE_CHECKING:
    from allclient.local.layout import Layout
    from allclient.local.server import TritonServer

_LOADING: Final = 180.0
"""Seconds that one model may take to load."""

_QUIET: Final = 10.0
"""Seconds without a single new answer of the old models after which they are taken for idle. A step
takes well under one, and whoever waits in a queue waits for such steps."""

_LOOK_EVERY: Final = 0.5
_SIDE_BY_SIDE: Final = 8
_TRIAL: Final = "all_ensemble_trial"


class Switch:
    """Switches one server between releases; a new start of the server begins anew."""

    def __init__(self, server: TritonServer) -> None:
        self._server = server
        self._layout: Layout | None = None
        self._members = served.PLAIN
        self._one_at_a_time = threading.Lock()

    def to(self, repository: Path) -> None:
        """Serve the release in ``repository`` from now on, and return when the old one is gone.

        Raises:
            LocalServerError, ConfigurationError: it cannot be served. The old one is, as before.
            ServerUnavailableError: the server was lost; the next start serves the old one.
        """
        with self._one_at_a_time:
            folder = repositories.find(repository)
            layout = self._server.layout
            if layout is not self._layout:  # started anew
                self._layout, self._members = layout, served.PLAIN
            old = _Release(
                layout.models, self._server.model_repository, self._server.release, self._members
            )
            members = served.SECOND if self._members == served.PLAIN else served.PLAIN
            new = _Release(layout.models, folder, repositories.name(folder), members)
            if new.public != old.public:
                raise LocalServerError(
                    f"{folder} has other models for clients than {old.repository}: "
                    f"{', '.join(new.public)} instead of {', '.join(old.public)}"
                )
            with self._transport(ENSEMBLE) as transport:
                try:
                    self._change(transport, old, new)
                except ServerUnavailableError:
                    raise
                except AllclientError as error:
                    raise LocalServerError(
                        f"{folder} is not served: {layout.readable(str(error))}"
                    ) from error
                self._members = members
                self._server.now_serves(folder, new.name)
                self._server.stubs = stubs.find(self._server.pid)
                _wait_until_idle(transport, old)
                old.unload(transport)
            self._server.stubs = stubs.find(self._server.pid)

    def _change(self, transport: Transport, old: _Release, new: _Release) -> None:
        taken: list[str] = []
        try:
            new.load(transport)
            self._try(new.name)
            transport.unload_model(_TRIAL, _LOADING)
            for model in new.public:
                taken.append(model)
                new.take_over(model)
                transport.load_model(model, _LOADING)
        except BaseException:
            with contextlib.suppress(AllclientError):
                for model in taken:
                    old.take_over(model)
                    transport.load_model(model, _LOADING)
            new.unload(transport)
            raise

    def _try(self, name: str) -> None:
        with self._transport(_TRIAL) as transport:
            answer = transport.infer(tiny_png())
        if answer.release != name:
            raise LocalServerError(f"it answers as release {answer.release!r}, not as {name!r}")

    def _transport(self, model: str) -> contextlib.closing[Transport]:
        connection = Connection(
            self._server.grpc_address,
            model=model,
            timeout=_LOADING,
            retry=Retry(seconds=0),
            headers=self._server.admin_headers,
            tls=self._server.client_tls,
        )
        return contextlib.closing(Transport(connection))


@dataclass(frozen=True)
class _Release:
    """A release in a server: what its models are called, and where Triton loads them from."""

    models: Path
    repository: Path
    name: str
    members: str

    @property
    def public(self) -> list[str]:
        """The models that clients ask, in the order in which they are taken over."""
        there = served.present(self.repository)
        return [model for model in served.PUBLIC if model in there]

    @property
    def own(self) -> dict[str, str]:
        """The names of all others in the server, by their names in the repository."""
        others = [one for one in served.present(self.repository) if one not in served.PUBLIC]
        return {model: self.members.format(model) for model in others}

    def load(self, transport: Transport) -> None:
        """Load its own models, and the ensemble under a name that no client knows."""
        for model, name in self.own.items():
            self._write(model, name)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for loading in [
                pool.submit(transport.load_model, one, _LOADING) for one in self.own.values()
            ]:
                loading.result()
        self._write(ENSEMBLE, _TRIAL)
        transport.load_model(_TRIAL, _LOADING)

    def take_over(self, model: str) -> None:
        """Have the next loading of a public model ask this release."""
        self._write(model, model)

    def unload(self, transport: Transport) -> None:
        """Unload what was loaded, as far as the server is there."""
        for name in (_TRIAL, *self.own.values()):
            with contextlib.suppress(AllclientError):
                transport.unload_model(name, _LOADING)
            served.remove(self.models, name)

    def _write(self, model: str, name: str) -> None:
        served.write_renamed(self.models, self.repository / model, name, self.members, self.name)


def _wait_until_idle(transport: Transport, release: _Release) -> None:
    """Wait until no answer comes from the models of a release any more."""
    before, since = None, time.monotonic()
    while time.monotonic() - since < _QUIET:
        counts = transport.counts(_LOADING)
        now = {name: counts.get(name) for name in release.own.values()}
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(_LOOK_EVERY)
