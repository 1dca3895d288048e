"""Runs the Storage SCP: it takes objects in, and says success once they are kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

from allclient.dicom import header
from allclient.errors import ConfigurationError
from allclient.pacs import incoming, network, responses, waiting
from allclient.pacs.classes import STORED, TRANSFER_SYNTAXES
from allclient.pacs.config import Config
from allclient.pacs.deidentify import IdentifiedError
from allclient.pacs.disk import DiskFullError
from allclient.pacs.faults import place
from allclient.pacs.inbox import MEGABYTE, Inbox
from allclient.pacs.responses import SUCCESS
from allclient.pacs.uids import is_uid, key_of

_LOG: Final = logging.getLogger(__name__)

OUT_OF_RESOURCES: Final = 0xA700
MISMATCH: Final = 0xA900
NOT_UNDERSTOOD: Final = 0xC000


class Receiver:
    """Listens from ``start`` to ``stop``. ``kept`` is called after each new object.

    ``committed`` gets the answers of Storage Commitment: the transaction's UID, the instances that
    are safe and those that are not.
    """

    def __init__(
        self,
        config: Config,
        inbox: Inbox,
        *,
        kept: Callable[[], None],
        committed: Callable[[str, list[str], list[str]], None],
    ) -> None:
        self._config = config
        self._inbox = inbox
        self._kept = kept
        self._committed = committed
        self._server: Any = None
        self._taken: WeakKeyDictionary[Association, int] = WeakKeyDictionary()
        self._ae = AE(ae_title=config.node.ae_title)
        self._ae.maximum_pdu_size = network.MAX_PDU
        self._ae.maximum_associations = config.node.max_associations
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = [peer.ae_title for peer in config.peers]
        self._ae.add_supported_context(Verification)
        self._ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        for sop_class in STORED:
            self._ae.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen. Raises ConfigurationError if the address cannot be listened on."""
        node = self._config.node
        kind = type("PeerServer", (network.PeerServer,), {"peers": self._config.peers})
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, network.send_at_once),
            (evt.EVT_CONN_OPEN, network.read_at_once),
            (evt.EVT_CONN_OPEN, waiting.wait_for_work),
            (evt.EVT_CONN_OPEN, responses.answer_at_once),
            (evt.EVT_CONN_CLOSE, waiting.let_go),
            (evt.EVT_PDU_RECV, self._count),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_EVENT_REPORT, self._event_report),
            (evt.EVT_REJECTED, self._rejected),
        ]
        context = network.server_context(node.tls)
        try:
            self._server = self._ae.make_server(
                (node.address, node.port),
                ssl_context=context,
                evt_handlers=handlers,
                server_class=kind,
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {node.address}:{node.port}: {error.strerror}"
            ) from error
        threading.Thread(
            target=self._server.serve_forever, name="allclient-pacs-listen", daemon=True
        ).start()

    def stop(self) -> None:
        """Take no more associations, and end those that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
            self._ae.shutdown()

    # Handlers

    def _count(self, event: evt.Event) -> None:
        """End an association whose object is larger than allowed, before memory is full of it."""
        taken = self._taken.get(event.assoc, 0) + len(event.pdu)
        self._taken[event.assoc] = taken
        if taken > self._config.node.max_object_mb * MEGABYTE:
            _LOG.warning(
                "ended an association of %s: an object is larger than %d MB",
                event.assoc.requestor.ae_title,
                self._config.node.max_object_mb,
            )
            network.cut(event)

    def _requested(self, event: evt.Event) -> None:
        """Reject a peer's AE title that comes from the host of another peer."""
        request: Any = event.assoc.requestor.primitive
        peer = self._config.peer(request.calling_ae_title.strip())
        host = event.assoc.requestor.address
        if peer is not None and host not in network.addresses((peer,)):
            _LOG.warning("rejected %s, which called from %s", peer.ae_title, host)
            event.assoc.acse.send_reject(0x01, 0x01, 0x03)
            event.assoc.kill()  # once that is said

    def _echo(self, event: evt.Event) -> int:
        self._taken[event.assoc] = 0
        return SUCCESS

    def _rejected(self, event: evt.Event) -> None:
        _LOG.warning("rejected an association of %r", event.assoc.requestor.ae_title)

    def _store(self, event: evt.Event) -> int:
        peer = event.assoc.requestor.ae_title
        self._taken[event.assoc] = 0
        if not self._is_small(event):
            _LOG.warning("refused an object of %s: it unpacks to too much", peer)
            return NOT_UNDERSTOOD
        try:
            data = incoming.as_file(event)
            received = incoming.named(event, data)
        except Exception as error:
            _LOG.warning("refused an object of %s: no DICOM (%s)", peer, type(error).__name__)
            return NOT_UNDERSTOOD
        request: Any = event.request
        if received is None or not all(map(is_uid, (received.instance, received.study))):
            _LOG.warning("refused an object of %s: it has no UIDs", peer)
            return NOT_UNDERSTOOD
        if (received.instance, received.sop_class) != (
            str(request.AffectedSOPInstanceUID),
            str(request.AffectedSOPClassUID),
        ):
            _LOG.warning("refused an object of %s: it is another than announced", peer)
            return MISMATCH
        try:
            new = self._inbox.keep(received, data)
        except IdentifiedError as error:
            _LOG.warning("refused an object of %s: not de-identified, %s", peer, error)
            return NOT_UNDERSTOOD
        except DiskFullError:
            _LOG.error("refused an object of %s: the disk is full", peer)
            return OUT_OF_RESOURCES
        except Exception as error:
            _LOG.error("refused an object of %s: %s", peer, place(error))
            return OUT_OF_RESOURCES
        _LOG.info("%s %s from %s", "kept" if new else "knew", key_of(received.instance)[:12], peer)
        if new:
            self._kept()
        return SUCCESS

    def _is_small(self, event: evt.Event) -> bool:
        """Return whether a deflated object unpacks to no more than an object may have."""
        if event.context.transfer_syntax != uid.DeflatedExplicitVRLittleEndian:
            return True
        request: Any = event.request
        limit = self._config.node.max_object_mb * MEGABYTE
        return header.inflates_within(request.DataSet.getvalue(), limit)

    def _event_report(self, event: evt.Event) -> tuple[int, None]:
        try:
            information = event.event_information
            safe = _instances(information.get("ReferencedSOPSequence"))
            failed = _instances(information.get("FailedSOPSequence"))
            self._committed(str(information.get("TransactionUID", "")), safe, failed)
        except Exception as error:
            _LOG.warning("an answer of Storage Commitment was not understood: %s", place(error))
            return 0x0110, None
        return SUCCESS, None


def _instances(sequence: Any) -> list[str]:
    return [str(item.ReferencedSOPInstanceUID) for item in sequence or ()]
