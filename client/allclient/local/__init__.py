"""The embedded server: Triton on this machine, for as long as a ``with`` block lasts.

nvidia-pytriton's wheel carries the tritonserver binary and the Python backend's stubs; nothing
else of it is used. See ``server.py`` for the whole way from a folder of models to an address.
"""

from allclient.local.server import LocalServer

__all__ = ["LocalServer"]
