"""Defines how the workers of a run ask their servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from allclient.client.sync import IN_FLIGHT, Client
from allclient.contract import ENSEMBLE
from allclient.transport import Retry, TlsOptions


@dataclass(frozen=True, slots=True)
class Asking:
    """What every worker needs to know; it travels to all machines of the cluster.

    Without ``server`` each machine starts a server of its own. The files of ``tls``,
    ``model_repository`` and relative paths are those of each machine; ``folder`` is where
    relative ones begin.
    """

    folder: str
    server: str | None = None
    model: str = ENSEMBLE
    in_flight: int = IN_FLIGHT
    timeout: float = 60.0
    retry_for: float = 60.0
    tls: TlsOptions | None = None
    token: str | None = field(default=None, repr=False)
    um_per_pixel: float | None = None
    cells: bool = True
    model_repository: str | None = None
    flavour: str | None = None

    def client(self, address: str) -> Client:
        """Make a client of a server; one that was started here gets no secrets."""
        named = self.server is not None
        return Client(
            address,
            model=self.model,
            timeout=self.timeout,
            retry=Retry(self.retry_for),
            tls=self.tls if named else None,
            token=self.token if named else None,
        )
