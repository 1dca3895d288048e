"""Reads tensors of texts in Triton's Python stub, in place of Triton's own function."""

# What Triton's Python stub calls to read a tensor of texts. ``allclient.local.layout`` puts it
# behind the wheel's ``triton_python_backend_utils``, whose function of this name it replaces: that
# one raises for a text whose length goes beyond the end, and with it fails all requests of a batch.

import struct
from typing import Any

import numpy as np


def deserialize_bytes_tensor(encoded_tensor: Any) -> Any:
    """Return the texts of a tensor, as an array of bytes objects [n].

    Each has its length before it, in 4 bytes. One that is longer than what is left is empty: then
    it is up to the model to refuse what it got, in a response to this request alone.
    """
    data = memoryview(encoded_tensor)
    texts, place = [], 0
    while place + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        texts.append(bytes(data[place : place + length]) if place + length <= len(data) else b"")
        place += length
    array = np.empty(len(texts), dtype=np.object_)
    array[:] = texts
    return array
