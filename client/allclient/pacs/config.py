"""Reads the configuration of the gateway: one TOML file, checked before anything starts."""

from __future__ import annotations

import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allclient.errors import ConfigurationError
from allclient.pacs.settings import Settings
from allclient.textfile import decoded

IDENTIFIED, KEEP_UIDS = "no", "keep_uids"
"""Settings of ``node.deidentify`` besides ``profile``."""

EXAMPLE: Final = """\
# The gateway itself. Everything else has a default.
[node]
ae_title = "ALLCLIENT"
folder = "/var/lib/allclient-pacs"      # received objects and the queue; keep it on a real disk
#address = "127.0.0.1"                  # "0.0.0.0" listens on all of this machine's
#port = 11112
#max_associations = 8
#max_object_mb = 256
#min_free_mb = 256                      # with less free disk an object is refused
#study_quiet_seconds = 60               # a study is reported when nothing came for so long
#deidentify = "no"                      # or "profile", or "keep_uids": see docs/howto/pacs.md
#keep_pixels_days = 7                   # received objects are removed so long after the report

# TLS: callers must show a certificate of this authority.
#[node.tls]
#cert = "node.pem"
#key = "node.key"
#ca = "hospital-ca.pem"

# Who may call, each from its own host alone; nobody else is let in.
[[peer]]
ae_title = "MICROSCOPE"
host = "127.0.0.1"

[[peer]]
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = 4242                             # needed where the gateway calls it
#tls = true                             # with the certificate of [node.tls]

# Where results go: to a peer, or to a DICOMweb service, or both.
[export]
peer = "ARCHIVE"
#storage_commitment = true              # ask the peer whether it has them safe
#dicomweb = "https://archive.example/dicom-web"
#dicomweb_token_file = "token.txt"
#picture = true                         # a Secondary Capture for viewers without SR
#pdf = true                             # an encapsulated PDF
#cells = false                          # in the SR, every cell that is malignant or uncertain
#site = "unstated"                      # or "bone_marrow" or "blood", where all smears are of it

# Where a signed result goes besides: HL7 v2 (ORU^R01 by MLLP), FHIR R4; without its table, nowhere.
#[hl7]
#host = "127.0.0.1"
#port = 2575
#tls = false                            # with the certificate of [node.tls]
#application = "LIS"                    # who receives, in MSH-5 and MSH-6
#facility = "HOSPITAL"
#[fhir]
#url = "https://fhir.example/r4"
#token_file = "token.txt"
#patient_system = "urn:oid:1.2.3"       # who gives the patient IDs

# The server that classifies; without an address one is started here.
[triton]
#address = "127.0.0.1:8001"
#model = "all_ensemble"
#in_flight = 8
"""
"""A configuration with every setting; what is commented out shows the default or an example."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of this node; ``ca`` signs the certificates of callers and of called peers."""

    cert: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """Another DICOM node. ``port`` is None where it only calls."""

    ae_title: str
    host: str
    port: int | None
    tls: bool


@dataclass(frozen=True, slots=True)
class Node:
    """This DICOM node and its limits."""

    ae_title: str
    folder: Path
    address: str
    port: int
    max_associations: int
    max_object_mb: int
    min_free_mb: int
    study_quiet_seconds: float
    deidentify: str
    keep_pixels_days: float
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class Export:
    """Where results go, and which besides the SR."""

    peer: Peer | None
    storage_commitment: bool
    dicomweb: str | None
    dicomweb_token_file: Path | None
    picture: bool
    pdf: bool
    cells: bool
    site: str


@dataclass(frozen=True, slots=True)
class Hl7:
    """Who takes HL7 v2 messages by MLLP; the names are those of MSH-5 and MSH-6."""

    host: str
    port: int
    tls: bool
    application: str
    facility: str


@dataclass(frozen=True, slots=True)
class Fhir:
    """A FHIR R4 server; ``patient_system`` is the URI of who gives the patient IDs."""

    url: str
    token_file: Path | None
    patient_system: str | None


@dataclass(frozen=True, slots=True)
class Triton:
    """The server that classifies."""

    address: str | None
    model: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class Config:
    """Everything in the file, checked."""

    node: Node
    peers: tuple[Peer, ...]
    export: Export
    hl7: Hl7 | None
    fhir: Fhir | None
    triton: Triton

    def peer(self, ae_title: str) -> Peer | None:
        """Return the peer of an AE title, or None."""
        return next((peer for peer in self.peers if peer.ae_title == ae_title), None)


def load(path: Path) -> Config:
    """Return the configuration in ``path``; file names in it are relative to its folder.

    Raises ConfigurationError that names the file, the setting and what is wrong with it.
    """
    try:
        content = tomllib.loads(decoded(path.read_bytes()))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"configuration {str(path)!r} cannot be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"configuration {str(path)!r} is not TOML: {error}") from error
    try:
        return parse(content, path.parent)
    except ConfigurationError as error:
        raise ConfigurationError(f"configuration {str(path)!r}: {error}") from error


def parse(content: dict[str, Any], folder: Path) -> Config:
    """Return the configuration of parsed TOML, as ``load`` does."""
    root = Settings(content, "", folder)
    node = _node(root.table("node"))
    peers = tuple(_peer(table, node) for table in root.tables("peer"))
    if not peers:
        raise ConfigurationError("no [[peer]] is named, so nobody may call")
    titles = [peer.ae_title for peer in peers]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigurationError(f"two peers have the AE title {title!r}")
    config = Config(
        node=node,
        peers=peers,
        export=_export(root.table("export"), peers),
        hl7=_hl7(root.table("hl7"), node),
        fhir=_fhir(root.table("fhir")),
        triton=_triton(root.table("triton")),
    )
    root.finish()
    if node.deidentify != IDENTIFIED and (config.hl7 or config.fhir):
        raise ConfigurationError(
            "node.deidentify does not go with [hl7] or [fhir]: their results name a patient"
        )
    return config


def _node(table: Settings) -> Node:
    tls = table.table("tls")
    node = Node(
        ae_title=table.ae_title("ae_title", "ALLCLIENT"),
        folder=table.path("folder"),
        address=table.text("address", "127.0.0.1"),
        port=table.integer("port", 11112, least=0, most=65535),
        max_associations=table.integer("max_associations", 8, least=1, most=1000),
        max_object_mb=table.integer("max_object_mb", 256, least=1, most=512),
        min_free_mb=table.integer("min_free_mb", 256, least=1),
        study_quiet_seconds=table.number("study_quiet_seconds", 60.0, least=0.1),
        deidentify=table.choice("deidentify", (IDENTIFIED, "profile", KEEP_UIDS)),
        keep_pixels_days=table.number("keep_pixels_days", 7.0, least=0.0),
        tls=Tls(tls.file("cert"), tls.file("key"), tls.file("ca")) if tls.given else None,
    )
    tls.finish()
    table.finish()
    return node


def _peer(table: Settings, node: Node) -> Peer:
    peer = Peer(
        ae_title=table.ae_title("ae_title"),
        host=table.text("host"),
        port=table.integer("port", None, least=1, most=65535),
        tls=table.flag("tls", False),
    )
    table.finish()
    if peer.tls and node.tls is None:
        raise ConfigurationError(f"{table.name}.tls needs the certificate of [node.tls]")
    try:
        socket.getaddrinfo(peer.host, None)
    except OSError as error:
        raise ConfigurationError(f"{table.name}.host {peer.host!r} is not known here") from error
    return peer


def _export(table: Settings, peers: tuple[Peer, ...]) -> Export:
    title = table.ae_title("peer", None)
    export = Export(
        peer=next((peer for peer in peers if peer.ae_title == title), None),
        storage_commitment=table.flag("storage_commitment", False),
        dicomweb=table.url("dicomweb"),
        dicomweb_token_file=table.file("dicomweb_token_file", None),
        picture=table.flag("picture", True),
        pdf=table.flag("pdf", True),
        cells=table.flag("cells", False),
        site=table.choice("site", ("unstated", "bone_marrow", "blood")),
    )
    table.finish()
    if title is not None and export.peer is None:
        raise ConfigurationError(f"export.peer {title!r} is not the AE title of any [[peer]]")
    if export.peer is not None and export.peer.port is None:
        raise ConfigurationError(f"export.peer {title!r} needs a port to be called at")
    if export.peer is None and export.dicomweb is None:
        raise ConfigurationError("[export] names neither a peer nor a dicomweb address")
    if export.storage_commitment and export.peer is None:
        raise ConfigurationError("export.storage_commitment needs export.peer")
    return export


def _hl7(table: Settings, node: Node) -> Hl7 | None:
    if not table.given:
        return None
    hl7 = Hl7(
        host=table.text("host"),
        port=table.integer("port", 2575, least=1, most=65535),
        tls=table.flag("tls", False),
        application=table.text("application", "LIS"),
        facility=table.text("facility", "HOSPITAL"),
    )
    table.finish()
    if hl7.tls and node.tls is None:
        raise ConfigurationError("hl7.tls needs the certificate of [node.tls]")
    return hl7


def _fhir(table: Settings) -> Fhir | None:
    if not table.given:
        return None
    url = table.url("url")
    if url is None:
        raise ConfigurationError("fhir.url is missing")
    fhir = Fhir(
        url=url.rstrip("/"),
        token_file=table.file("token_file", None),
        patient_system=table.text("patient_system", None),
    )
    table.finish()
    return fhir


def _triton(table: Settings) -> Triton:
    triton = Triton(
        address=table.text("address", None),
        model=table.choice("model", ("all_ensemble", "all_cascade")),
        in_flight=table.integer("in_flight", 8, least=1, most=256),
    )
    table.finish()
    return triton
