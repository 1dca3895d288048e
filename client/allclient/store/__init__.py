"""Keeps cases, their fields and answers, who verified them, and a log of it all.

``Store`` opens a database (SQLite or PostgreSQL) and a place for files. The web page, its HTTP
interface and the PACS part use the same functions: each takes a session of ``Store.write`` or
``Store.read`` and, where something changes, the ``Actor`` who changes it.
"""

from allclient.store.actor import SYSTEM, Actor
from allclient.store.store import Store

__all__ = ["SYSTEM", "Actor", "Store"]
