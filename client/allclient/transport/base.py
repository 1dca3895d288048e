"""Holds what the blocking and the asyncio transport both do; neither waits for anything here.

``OneImage`` makes the request of one image, reads its answer and decides on another try. The
questions about a server are generators: they yield each ``Ask``, are sent its answer and return
what they made of all answers. A transport makes the calls, in its own way of waiting.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from tritonclient.utils import InferenceServerException

from allclient import watching
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.result import Result
from allclient.transport.codec import decode, encode
from allclient.transport.health import Health, ServerMetadata, contract_problems, gives_cells
from allclient.transport.options import Connection
from allclient.transport.owned import Owned
from allclient.transport.question import Question
from allclient.transport.riding import Presence, Tries
from allclient.transport.servers import Server, Servers
from allclient.transport.status import means_away, translate, translate_local, unknown_output

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Ask(NamedTuple):
    """One call that asks a server about itself."""

    method: str
    """The name of the call in tritonclient, blocking and asyncio alike."""
    arguments: tuple[str, ...] = ()


Exchange = Generator[Ask, Any, T]
"""Yields calls, is sent their answers (or thrown their errors) and returns what they say."""


def server_metadata(_: Connection) -> Exchange[ServerMetadata]:
    """Ask for the server's name, version and extensions."""
    metadata = yield Ask("get_server_metadata")
    return ServerMetadata(metadata.name, metadata.version, tuple(metadata.extensions))


def models(_: Connection) -> Exchange[dict[str, str]]:
    """Ask for the version of each model that is ready, by name."""
    index = yield Ask("get_model_repository_index")
    return {model.name: model.version for model in index.models if model.state == "READY"}


def counts(_: Connection) -> Exchange[dict[str, tuple[int, int]]]:
    """Ask how many requests each model has answered and failed at, by name."""
    statistics = yield Ask("get_inference_statistics")
    return {
        model.name: (model.inference_stats.success.count, model.inference_stats.fail.count)
        for model in statistics.model_stats
    }


def load(model: str) -> Exchange[None]:
    """Have a model loaded, or loaded anew, from its folder in the repository."""
    yield Ask("load_model", (model,))


def unload(model: str) -> Exchange[None]:
    """Have a model unloaded."""
    yield Ask("unload_model", (model,))


def release(model: str) -> Exchange[str]:
    """Ask which release the configuration of a model names; empty if none."""
    response = yield Ask("get_model_config", (model,))
    parameter = response.config.parameters.get("release")
    return "" if parameter is None else str(parameter.string_value)


def health(connection: Connection) -> Exchange[Health]:
    """Ask what the server says about itself and about the model of ``connection``."""
    model = connection.model
    live = yield Ask("is_server_live")
    ready = yield Ask("is_server_ready")
    problems: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    model_ready = cells = False
    try:
        model_ready = yield Ask("is_model_ready", (model,))
        metadata = yield Ask("get_model_metadata", (model,))
        versions = tuple(metadata.versions)
        problems = contract_problems(metadata)
        cells = gives_cells(metadata)
    except AllclientError as error:
        problems = (str(error),)
    return Health(
        address=connection.address,
        live=live,
        ready=ready,
        model=model,
        model_ready=model_ready,
        model_versions=versions,
        server=(yield from server_metadata(connection)),
        problems=problems,
        cells=cells,
    )


Questions = Callable[[Connection], Exchange[T]]
"""Makes the exchange with one server."""

SILENT = (ServerUnavailableError, ServerTimeoutError)
"""Errors of a server that says nothing, while another one may."""


class BaseTransport(Owned):
    """What a transport knows of its servers, whichever way it waits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self._headers = connection.metadata()
        self._servers = Servers(connection.each())
        self._presence = Presence()
        self._closed = False

    def check_open(self) -> None:
        """Check that the client may be used.

        Raises:
            ConfigurationError: it is closed, or this is a forked child.
        """
        self.check_owner()
        if self._closed:
            raise ConfigurationError("this client is closed")

    def _one(self, image: bytes, question: Question) -> OneImage:
        return OneImage(
            image,
            question,
            self.connection,
            self._headers,
            self._presence,
            self._servers,
            self.check_open,
        )

    def _translated(self, error: InferenceServerException, server: Server) -> AllclientError:
        if self._closed:  # which cancels what is in flight
            return ConfigurationError("this client is closed")
        return translate(error, server.connection.address, self.connection.model)

    def _translated_local(self, error: Exception, server: Server) -> AllclientError:
        if self._closed:  # just now
            return ConfigurationError("this client is closed")
        return translate_local(error, server.connection.address)


class OneImage:
    """One image on its way: its request, its tries and its result."""

    def __init__(
        self,
        image: bytes,
        question: Question,
        connection: Connection,
        headers: dict[str, str],
        presence: Presence,
        servers: Servers,
        check_open: Callable[[], None],
    ) -> None:
        extras = tuple(name for name in question.extras if name not in presence.lacks)
        self._question = dataclasses.replace(question, extras=extras)
        self._presence = presence
        self._servers = servers
        self._check_open = check_open
        self._tries = Tries(connection, presence)
        self.request: dict[str, Any] = {
            "model_name": connection.model,
            "inputs": encode(image),
            "request_id": uuid.uuid4().hex,
            "client_timeout": connection.timeout,
            "headers": watching.headers(headers),
            **self._question.arguments(),
        }

    @property
    def alone(self) -> bool:
        """Whether the next try needs the servers for itself."""
        return self._tries.alone

    def sending(self) -> dict[str, Any]:
        """Return the request of the next try, which begins now."""
        self._tries.begin()
        return self.request

    def pause_after(self, error: InferenceServerException, server: Server) -> float:
        """Return the seconds to wait before the next try, which may be at another server.

        Raises:
            AllclientError: there is none.
        """
        self._check_open()  # closing a client fails the calls in flight
        watching.call_failed()
        if (name := unknown_output(error)) in self._question.extras:
            self._presence.answered()
            self._presence.lacks.add(name)
            extras = tuple(extra for extra in self._question.extras if extra != name)
            self._question = dataclasses.replace(self._question, extras=extras)
            self.request |= self._question.arguments()
            return 0.0
        away = means_away(error)
        if away:
            self._servers.missed(server)
        else:
            self._servers.answered(server)
        self._tries.connection = server.connection
        elsewhere = away and self._servers.another_is_there(server)
        pause = self._tries.pause_after(error, elsewhere=elsewhere)
        _log.info("%s: next try in %.1f s (%s)", server.connection.address, pause, error)
        return pause

    def result(self, answer: Any, server: Server) -> Result:
        """Return what the answer says.

        Raises:
            ProtocolError: it breaks the contract.
        """
        self._presence.answered()
        self._servers.answered(server)
        result = decode(answer, self.request["request_id"], self._question)
        self._presence.named(result.release)
        return result
