"""Holds the library: ``Client`` and ``AsyncClient``."""

from allclient.client.aio import AsyncClient
from allclient.client.stream import Stream
from allclient.client.sync import Client

__all__ = ["AsyncClient", "Client", "Stream"]
