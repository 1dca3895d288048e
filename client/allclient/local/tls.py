"""Encrypts what a server says over gRPC, and lets its own readiness probe in."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from allclient.errors import ConfigurationError, ServerNotInstalledError
from allclient.transport import TlsOptions

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PROBE: Final = "allclient-probe"
_PROBE_DAYS: Final = 3650
"""A server may run for long, and the key of its probe dies with it."""


class Prepared(NamedTuple):
    """One start of a server with TLS."""

    options: dict[str, str | int]
    """Options of Triton, by name."""
    client: TlsOptions
    """How the program that started the server reaches it."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files of a server: its certificate (with those between it and the root) and its key.

    With ``client_ca`` it is mutual TLS: only clients with a certificate of this authority get in.
    Triton encrypts gRPC alone; HTTP and metrics have no TLS.

    Raises:
        ConfigurationError: a file cannot be used; the message names it and says why.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        TlsOptions(ca=self.client_ca, cert=self.cert, key=self.key)  # there, and PEM
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.cert, self.key, password=""
            )
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConfigurationError(
                f"certificate {str(self.cert)!r} and key {str(self.key)!r} do not work together: "
                f"{getattr(error, 'reason', None) or error} (a key with a password cannot be used)"
            ) from error
        for path in (self.cert, self.client_ca):
            if path is not None:
                _check_dates(path)

    def prepare(self, folder: Path) -> Prepared:
        """Write what the next start needs into its private folder.

        With mutual TLS the probe needs a certificate of its own. It is signed by an authority that
        is made here, is used once, and is trusted by this one server beside ``client_ca``.
        """
        name = _name_of(_certificates(self.cert)[0])
        options: dict[str, str | int] = {
            "grpc-use-ssl": "true",
            "grpc-server-cert": str(self.cert.absolute()),
            "grpc-server-key": str(self.key.absolute()),
        }
        if self.client_ca is None:
            return Prepared(options, TlsOptions(ca=self.cert, server_name=name))
        cert, key = folder / "probe.pem", folder / "probe.key"
        authorities = folder / "client-ca.pem"
        written = _probe_files()
        _write(cert, written.cert)
        _write(key, written.key)
        _write(authorities, self.client_ca.read_bytes().rstrip() + b"\n" + written.cert)
        options |= {"grpc-use-ssl-mutual": "true", "grpc-root-cert": str(authorities)}
        return Prepared(options, TlsOptions(self.cert, cert, key, server_name=name))


class _ProbeFiles(NamedTuple):
    cert: bytes
    key: bytes


def _probe_files() -> _ProbeFiles:
    """Make a certificate that signs itself, for one client of one server."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _PROBE)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks are set back
        .not_valid_after(now + datetime.timedelta(days=_PROBE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return _ProbeFiles(
        cert.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _certificates(path: Path) -> list[Certificate]:
    try:
        from cryptography import x509
    except ImportError as error:
        raise ServerNotInstalledError(
            "a server with TLS needs the package cryptography: pip install 'allclient[local]'"
        ) from error
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise ConfigurationError(f"{str(path)!r} holds no certificate: {error}") from error


def _check_dates(path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for certificate in _certificates(path):
        end = certificate.not_valid_after_utc
        if now > end:
            raise ConfigurationError(f"a certificate in {str(path)!r} ended on {end:%Y-%m-%d}")


def _name_of(certificate: Certificate) -> str:
    """Return a name that the certificate is for: the probe asks at 127.0.0.1, which may be none."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    found = [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]
    if not found:
        raise ConfigurationError(
            "the server's certificate names no host (subject alternative name), so no client can "
            "check it; make one that does"
        )
    return found[0].replace("*", "any", 1)
