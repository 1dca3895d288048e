"""Holds the command line of ``python -m convert``: each public module is a command."""

from __future__ import annotations

from toolkit.commands import group

main = group(
    __name__, __path__, "Convert trained masters (.keras) into the formats that Triton serves."
)
