"""Runs the embedded server: Triton on this machine, for as long as a ``with`` block lasts.

nvidia-pytriton's wheel carries the tritonserver binary and the Python backend's stubs; nothing
else of it is used. See ``server.py`` for the whole way from a folder of models to an address, and
``keeper.py`` for how a server that dies comes back. The name loads when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allclient.local.embedded import LocalServer

__all__ = ["LocalServer"]


def __getattr__(name: str) -> Any:
    if name == "LocalServer":
        from allclient.local.embedded import LocalServer

        return LocalServer
    raise AttributeError(f"module 'allclient.local' has no attribute {name!r}")
