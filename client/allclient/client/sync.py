"""Defines the blocking client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from allclient.client.reading import read_field, told
from allclient.client.stream import Stream
from allclient.contract import ENSEMBLE
from allclient.dicom import EncodedField
from allclient.result import Result, Source
from allclient.transport import Connection, Health, Retry, ServerMetadata, TlsOptions
from allclient.transport.blocking import Transport
from allclient.transport.cancellation import Cancellation
from allclient.transport.owned import Owned
from allclient.transport.question import Question, asked
from allclient.watching import watched

IN_FLIGHT = 32
"""Images at the server at once: enough for its dynamic batcher to fill batches."""

HEALTH_TIMEOUT = 10.0


class Client(Owned):
    """Classifies smear images by the models of a Triton server. Safe to share between threads.

    >>> with Client("127.0.0.1:8001") as client:
    ...     result = client.classify("field.jpg")
    ...     print(result.label.value, result.probability, result.needs_review)

    ``address`` is host:port of Triton's gRPC endpoint. Several with commas between share the work,
    and so do the addresses of one DNS name; what one of them does not answer goes to another.
    ``model`` is all_ensemble or all_cascade, which asks the third backbone only where two disagree.
    ``timeout`` is the most seconds to wait for one answer. ``retry`` says how long a server that
    has answered may be away, as when it is restarted; images that it had are sent again. ``tls``
    encrypts, and with a client certificate is mutual TLS. ``headers`` go with every request, and
    so does ``token``, as a bearer token that never crosses a network unencrypted.

    The answers support a reading by a pathologist and never replace it.

    Raises ConfigurationError for an address, a file or a number that cannot work.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str = ENSEMBLE,
        timeout: float = 60.0,
        retry: Retry | None = None,
        tls: TlsOptions | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__()
        connection = Connection(
            address, model, timeout, tls, retry or Retry(), headers or {}, token
        )
        self._transport = Transport(connection)

    @property
    def address(self) -> str:
        """HOST:PORT of the server; of several, with commas between."""
        return self._transport.connection.address

    def classify(
        self,
        source: Source,
        *,
        cells: bool = False,
        um_per_pixel: float | None = None,
        features: bool = False,
    ) -> Result:
        """Return the answer for one image: a path, an encoded file as bytes, or a DICOM object.

        Args:
            cells: ask for every leukocyte too (``Result.cells``).
            um_per_pixel: the size of a pixel in micrometres, instead of what the file says.
            features: ask for every leukocyte, and for how it looks (``Result.features``).

        Raises:
            ImageReadError: the file cannot be read.
            ImageRejectedError: the server refuses it.
            ServerError: there is no answer.
        """
        self._transport.check_open()
        question = asked(cells, um_per_pixel, features=features)
        return self._infer(read_field(source), question=question)

    def classify_many(
        self,
        sources: Iterable[Source],
        *,
        ordered: bool = True,
        in_flight: int = IN_FLIGHT,
        cells: bool = False,
        um_per_pixel: float | None = None,
    ) -> Stream:
        """Return an iterator of Outcomes, one for each source, in their order or as they come.

        ``cells`` and ``um_per_pixel`` are those of ``classify``, for every source.

        It streams: at most ``in_flight`` images are worked on at once and at most twice as many
        taken from ``sources`` ahead of the outcomes taken away. ``sources`` is iterated in
        another thread. An image without an answer is an Outcome with ``error``, one that the
        server is lost over each time among them (ServerLostError). When the server is away for
        longer than ``retry`` allows (ServerUnavailableError, ModelNotReadyError), refuses this
        client (ConfigurationError) or fails at many images in a row, the outcomes that were
        finished come first and then the error is raised; so is an error of ``sources``.

        Leaving the loop early cancels what is in flight, once the iterator is dropped or closed.
        """
        infer = partial(self._infer, question=Question(cells, um_per_pixel))
        return Stream(sources, infer, ordered=ordered, in_flight=in_flight)

    @watched
    def _infer(
        self, field: EncodedField, cancellation: Cancellation | None = None, *, question: Question
    ) -> Result:
        question = question.about(field.um_per_pixel)
        return told(field, self._transport.infer(field.data, cancellation, question))

    def health(self, *, timeout: float = HEALTH_TIMEOUT) -> Health:
        """Return whether the server is live and serves the model as the contract says.

        Of several servers it is the first with a problem, as long as one of them answers.

        Raises ServerUnavailableError or ServerTimeoutError when nobody answers.
        """
        return self._transport.health(timeout)

    def server_metadata(self, *, timeout: float = HEALTH_TIMEOUT) -> ServerMetadata:
        """Return the server's name, version and extensions."""
        return self._transport.server_metadata(timeout)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.address!r})"
