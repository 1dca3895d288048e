"""Opens DICOM associations: C-ECHO, C-STORE and requests of Storage Commitment."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)

from allclient.pacs import network
from allclient.pacs.checkpoint import keep_answers
from allclient.pacs.config import Config, Peer

_LOG: Final = logging.getLogger(__name__)

SENT: Final = (
    uid.Comprehensive3DSRStorage,
    uid.SecondaryCaptureImageStorage,
    uid.EncapsulatedPDFStorage,
)
"""SOP classes of results."""

_SYNTAXES: Final = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.JPEGBaseline8Bit)

_SUCCESS: Final = range(0x0000, 0x0001)
_WARNINGS: Final = range(0xB000, 0xC000)
"""The object was stored, with a remark."""


class NotSentError(Exception):
    """What a peer did not take, and why."""


def _contexts() -> list[PresentationContext]:
    """Return what is asked of an archive for results."""
    contexts = [build_context(Verification), build_context(StorageCommitmentPushModel)]
    for sop_class in SENT:
        if sop_class == uid.SecondaryCaptureImageStorage:
            contexts.append(build_context(sop_class, _SYNTAXES[2]))
        contexts.append(build_context(sop_class, list(_SYNTAXES[:2])))
    return contexts


@contextmanager
def association(
    config: Config, peer: Peer, contexts: list[PresentationContext] | None = None
) -> Iterator[Association]:
    """Open an association with a peer, by default for results. Raises NotSentError."""
    ae = AE(ae_title=config.node.ae_title)
    ae.connection_timeout = 10
    ae.requested_contexts = _contexts() if contexts is None else contexts
    tls = (
        (network.client_context(config.node.tls), peer.host)
        if peer.tls and config.node.tls
        else None
    )
    opened = ae.associate(
        peer.host,
        int(peer.port or 0),
        ae_title=peer.ae_title,
        tls_args=tls,
        evt_handlers=[(evt.EVT_CONN_OPEN, network.send_at_once)],
    )
    if not opened.is_established:
        why = "it rejected the association" if opened.is_rejected else "it does not answer"
        raise NotSentError(f"{peer.ae_title}: {why}")
    keep_answers(opened)
    try:
        yield opened
    finally:
        opened.release()


def echo(opened: Association) -> None:
    """Send C-ECHO. Raises NotSentError."""
    _check(opened.send_c_echo(), "C-ECHO")


def store(opened: Association, made: Dataset) -> None:
    """Send C-STORE. Raises NotSentError."""
    try:
        status = opened.send_c_store(made)
    except (ValueError, RuntimeError, AttributeError) as error:
        raise NotSentError(f"C-STORE: {error}") from error
    _check(status, "C-STORE")


def request_commitment(
    opened: Association, transaction: str, instances: list[tuple[str, str]]
) -> None:
    """Ask for Storage Commitment of (SOP class, instance) pairs. Raises NotSentError."""
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = [_reference(*instance) for instance in instances]
    try:
        status, _ = opened.send_n_action(
            request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    except (ValueError, RuntimeError) as error:
        raise NotSentError(f"storage commitment: {error}") from error
    _check(status, "storage commitment")


def accepts(opened: Association) -> dict[str, bool]:
    """Return which of the gateway's SOP classes the peer has accepted, by name."""
    taken = {context.abstract_syntax for context in opened.accepted_contexts}
    return {wanted.name: wanted in taken for wanted in (*SENT, StorageCommitmentPushModel)}


def _reference(sop_class: str, instance: str) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, instance
    return reference


def _check(status: Any, what: str) -> None:
    code = status.get("Status")
    if code is None:
        raise NotSentError(f"{what}: the peer ended the association or did not answer")
    if code not in _SUCCESS and code not in _WARNINGS:
        raise NotSentError(f"{what}: the peer answered status 0x{code:04X}")
