"""Tries a configuration: the folder, each peer, the DICOMweb service, the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from allclient.client import Client
from allclient.errors import AllclientError
from allclient.pacs import sender
from allclient.pacs.config import Config, Peer
from allclient.pacs.dicomweb import DicomWeb
from allclient.pacs.disk import DiskFullError, check_room, write
from allclient.pacs.fhirserver import FhirServer
from allclient.pacs.inbox import MEGABYTE, Inbox
from allclient.pacs.mllp import Mllp
from allclient.pacs.sender import NotSentError


class Trial(NamedTuple):
    """What was tried and what came of it."""

    what: str
    works: bool
    said: str


def trials(config: Config) -> Iterator[Trial]:
    """Try one part after the other; nothing is stored anywhere else."""
    yield _try("folder", lambda: _folder(config))
    for peer in config.peers:
        if peer.port is not None:
            yield _try(f"peer {peer.ae_title}", lambda peer=peer: _peer(config, peer))  # type: ignore[misc]
    if config.export.dicomweb is not None:
        yield _try("DICOMweb", lambda: _web(config))
    if config.hl7 is not None:
        yield _try("HL7", lambda: _hl7(config))
    if config.fhir is not None:
        yield _try("FHIR", lambda: _fhir(config))
    if config.triton.address is not None:
        yield _try("server", lambda: _server(config))


def _try(what: str, trial: Callable[[], str]) -> Trial:
    try:
        return Trial(what, True, trial())
    except DiskFullError:
        return Trial(what, False, "the disk is full, or has less free than node.min_free_mb")
    except (AllclientError, NotSentError, OSError) as error:
        return Trial(what, False, str(error).removeprefix(f"{what.removeprefix('peer ')}: "))


def _folder(config: Config) -> str:
    inbox = Inbox(config.node.folder)
    try:
        check_room(inbox.folder, config.node.min_free_mb * MEGABYTE)
        probe = inbox.folder / "probe"
        write(probe, b"a synced write")
        probe.unlink()
    finally:
        inbox.close()
    return f"{config.node.folder} takes synced writes"


def _peer(config: Config, peer: Peer) -> str:
    with sender.association(config, peer) as opened:
        sender.echo(opened)
        accepted = sender.accepts(opened)
    if config.export.peer != peer:
        return "answers C-ECHO"
    needed = [name for name in accepted if "Commitment" not in name]
    missing = [name for name in needed if not accepted[name]]
    if config.export.storage_commitment:
        missing += [name for name in accepted if "Commitment" in name and not accepted[name]]
    if missing:
        raise NotSentError(f"answers C-ECHO, and does not take: {', '.join(missing)}")
    return f"answers C-ECHO, and takes: {', '.join(needed)}"


def _web(config: Config) -> str:
    DicomWeb(config.export).search()
    return f"{config.export.dicomweb} answers a QIDO"


def _hl7(config: Config) -> str:
    assert config.hl7 is not None
    Mllp(config).connect()
    return f"{config.hl7.host}:{config.hl7.port} can be connected to; nothing was sent"


def _fhir(config: Config) -> str:
    assert config.fhir is not None
    version = FhirServer(config.fhir, config.node.ae_title).check()
    return f"{config.fhir.url} speaks FHIR {version}"


def _server(config: Config) -> str:
    with Client(str(config.triton.address), model=config.triton.model) as client:
        health = client.health()
    if not health.ok:
        raise NotSentError("; ".join(health.problems) or f"{health.model} is not ready")
    return f"{health.address} serves {health.model}"
