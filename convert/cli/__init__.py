"""Command line of ``python -m convert``: each public module here is the command of its name."""

from __future__ import annotations

from toolkit.commands import group

main = group(
    __name__, __path__, "Convert trained masters (.keras) into the formats that Triton serves."
)
