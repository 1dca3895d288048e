"""Reads bone marrow and blood smear images for acute lymphoblastic leukemia, with Triton.

>>> from allclient import Client
>>> with Client("127.0.0.1:8001") as client:
...     result = client.classify("field.jpg")

Supports a reading by a pathologist and never replaces it. Names load when first used, so that
``import allclient`` and ``allclient --help`` cost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allclient.cases import Case, summarize
    from allclient.cell import Box, Cell
    from allclient.client import AsyncClient, Client
    from allclient.contract import Backbone, Label, ReviewReason, Subtype
    from allclient.errors import AllclientError
    from allclient.result import Outcome, Result
    from allclient.transport import Health, Retry, TlsOptions

__all__ = [
    "AllclientError",
    "AsyncClient",
    "Backbone",
    "Box",
    "Case",
    "Cell",
    "Client",
    "Health",
    "Label",
    "Outcome",
    "Result",
    "Retry",
    "ReviewReason",
    "Subtype",
    "TlsOptions",
    "__version__",
    "summarize",
]

_HOMES = {
    "AllclientError": "errors",
    "AsyncClient": "client",
    "Backbone": "contract",
    "Box": "cell",
    "Case": "cases",
    "Cell": "cell",
    "Client": "client",
    "Health": "transport",
    "Label": "contract",
    "Outcome": "result",
    "Result": "result",
    "Retry": "transport",
    "ReviewReason": "contract",
    "Subtype": "contract",
    "TlsOptions": "transport",
    "summarize": "cases",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("allclient")
    if name in _HOMES:
        return getattr(importlib.import_module(f"allclient.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'allclient' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
