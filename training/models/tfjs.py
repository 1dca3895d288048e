"""Reads weights as TensorFlow.js stores them, with the standard library and numpy alone.

A manifest lists groups of weights; each group names its shard files, and its weights lie in them
one after another without gaps, little-endian, quantised or not. A manifest is a JSON file (bare,
or under ``weightsManifest`` of a model.json) with raw shards beside it, or both kinds are wrapped
for a bundler as ``<name>.min.js``: a manifest as a JavaScript object, a shard as base64 in a
string, each the ``exports`` of a CommonJS module.

Source of the format: ``WeightsManifestConfig`` and ``decodeWeights`` in tfjs-core,
https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/io_utils.ts
"""

from __future__ import annotations

import base64
import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WRAPPED = ".min.js"
_STORED = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "bool": "?"}
_QUANTISED = {"uint8": "u1", "uint16": "<u2", "float16": "<f2"}

_EXPORTS = re.compile(r'\.exports=(?=[{"\[])')
_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")'
    r"|(?P<key>[A-Za-z_$][\w$]*)(?=\s*:)"
    r"|(?P<flag>![01])"
    r"|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$.])"
    r"|(?P<word>(?:true|false|null)\b)"
    r"|(?P<open>[{\[])"
    r"|(?P<close>[}\]])"
    r"|(?P<other>[,:\s])"
)


class TfjsError(ValueError):
    """A file is not what TensorFlow.js writes, or is not whole."""


@dataclass(frozen=True)
class Weight:
    """One entry of a manifest."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """What the model computes with: float32, int32, uint8 or bool."""
    stored: str
    """numpy dtype in the shards."""
    scale: float | None
    minimum: float
    """Quantised to integers, the value is stored * scale + minimum; scale None: as it is."""

    @classmethod
    def parse(cls, raw: Any, place: str) -> Weight:
        """Read an entry of a manifest; ``place`` names the file in the error.

        Raises:
            TfjsError: it is no such entry.
        """
        try:
            name, dtype, shape = raw["name"], raw["dtype"], tuple(raw["shape"])
            how = raw.get("quantization")
            stored = _STORED[dtype] if how is None else _QUANTISED[how["dtype"]]
            linear = how is not None and how["dtype"] != "float16"
            scale = float(how["scale"]) if linear else None
            minimum = float(how["min"]) if linear else 0.0
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TfjsError(
                f"{place}: {str(raw)[:120]} is no weight that can be read here: {error!r}"
            ) from error
        sizes = all(isinstance(size, int) and size >= 0 for size in shape)
        known = dtype in _STORED and math.isfinite(scale or 0.0) and math.isfinite(minimum)
        if not (isinstance(name, str) and sizes and known):
            raise TfjsError(f"{place}: {str(raw)[:120]} is no weight that can be read here")
        return cls(name, shape, dtype, stored, scale, minimum)

    def read(self, content: bytes) -> npt.NDArray[Any]:
        """Return the array out of exactly its bytes."""
        values = np.frombuffer(content, self.stored)
        if self.scale is not None and self.dtype == "float32":
            values = values.astype(np.float32) * np.float32(self.scale) + np.float32(self.minimum)
        elif self.scale is not None:
            values = np.rint(values * self.scale + self.minimum)
        return values.astype(self.dtype).reshape(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the weight in the shards."""
        return math.prod(self.shape) * np.dtype(self.stored).itemsize


def load(manifest: str, files: Mapping[str, bytes]) -> dict[str, npt.NDArray[Any]]:
    """Return every weight of a manifest, dequantised, by name.

    Args:
        manifest: path of the manifest among ``files``.
        files: contents by posix path; shards lie in the manifest's folder.

    Raises:
        TfjsError: a file is missing, cut off, too long or of another kind; the message names it.
    """
    folder = posixpath.dirname(manifest)
    by_name: dict[str, npt.NDArray[Any]] = {}
    for group in _groups(manifest, _content(manifest, files)):
        try:
            names, entries = list(group["paths"]), list(group["weights"])
            shards = [posixpath.join(folder, name) for name in names]
        except (KeyError, TypeError) as error:
            raise TfjsError(f"{manifest}: a group without paths and weights") from error
        content = b"".join(_shard(shard, files) for shard in shards)
        weights = [Weight.parse(entry, manifest) for entry in entries]
        wanted = sum(weight.size for weight in weights)
        if len(content) != wanted:
            raise TfjsError(
                f"{', '.join(shards)}: {len(content)} bytes, but {manifest} describes {wanted}; "
                "the files are cut off or belong to another model"
            )
        start = 0
        for weight in weights:
            if weight.name in by_name:
                raise TfjsError(f"{manifest}: {weight.name} is listed twice")
            by_name[weight.name] = weight.read(content[start : start + weight.size])
            start += weight.size
    return by_name


def exported(text: str, place: str) -> Any:
    """Return the one literal that a CommonJS module exports, as Python values.

    Args:
        text: JavaScript, as a bundler minifies it (unquoted keys, ``!0`` for true, ``.5``).
        place: name of the file, for messages.

    Raises:
        TfjsError: no such literal, more than one, or one that does not end.
    """
    starts = [match.end() for match in _EXPORTS.finditer(text)]
    if len(starts) != 1:
        raise TfjsError(f"{place}: exports {len(starts)} literals, not one; another kind of file")
    try:
        return json.loads("".join(_as_json(text, starts[0], place)))
    except ValueError as error:
        if isinstance(error, TfjsError):
            raise
        raise TfjsError(f"{place}: what it exports cannot be read: {error}") from error


def _as_json(text: str, start: int, place: str) -> Iterator[str]:
    """Yield the tokens of the literal at ``start``, written as JSON wants them, up to its end."""
    depth = 0
    while True:
        match = _TOKEN.match(text, start)
        if match is None:
            what = "cut off" if start >= len(text) or text[start] == '"' else "no plain literal"
            raise TfjsError(f"{place}: {what} at character {start}")
        piece, kind, start = match.group(), match.lastgroup, match.end()
        depth += (kind == "open") - (kind == "close")
        if kind == "key":
            piece = f'"{piece}"'
        elif kind == "flag":
            piece = "true" if piece == "!0" else "false"
        elif kind == "number" and not re.fullmatch(r"-?\d+", piece):
            piece = repr(float(piece))
        yield piece
        if depth == 0 and kind != "other":
            return


def _groups(place: str, content: bytes) -> list[Any]:
    try:
        text = content.decode()
        parsed = exported(text, place) if place.endswith(WRAPPED) else json.loads(text)
    except ValueError as error:
        if isinstance(error, TfjsError):
            raise
        raise TfjsError(f"{place}: no JSON, or cut off: {error}") from error
    if isinstance(parsed, dict):
        parsed = parsed.get("weightsManifest")
    if not (isinstance(parsed, list) and parsed):
        raise TfjsError(f"{place}: holds no weights manifest")
    return parsed


def _shard(path: str, files: Mapping[str, bytes]) -> bytes:
    if path in files or path + WRAPPED not in files:
        return _content(path, files)
    wrapped = path + WRAPPED
    try:
        return base64.b64decode(exported(files[wrapped].decode(), wrapped), validate=True)
    except (ValueError, TypeError) as error:
        if isinstance(error, TfjsError):
            raise
        raise TfjsError(f"{wrapped}: what it exports is no base64: {error}") from error


def _content(path: str, files: Mapping[str, bytes]) -> bytes:
    if path not in files:
        raise TfjsError(f"{path}: missing")
    return files[path]
