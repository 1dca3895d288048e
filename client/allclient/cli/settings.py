"""Collects what the report of a run says about how the run was made."""

from __future__ import annotations

import contextlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from allclient.contract import BACKBONES
from allclient.errors import AllclientError

if TYPE_CHECKING:
    from allclient.cli.run import Options
    from allclient.client import Client
    from allclient.local import LocalServer

Settings = list[tuple[str, str]]


def of_run(options: Options) -> Settings:
    """Return what was asked for, as names and values."""
    more = len(options.paths) - 3
    return [
        ("allclient", version("allclient")),
        ("Paths", ", ".join(options.paths[:3]) + (f" and {more} more" if more > 0 else "")),
        ("Model", options.model),
        ("Cases by", options.case_by or "folder"),
        (
            "Size of a pixel",
            f"{options.um_per_pixel:g} \u00b5m" if options.um_per_pixel else "not given",
        ),
    ]


def of_server(client: Client, server: LocalServer | None) -> Settings:
    """Return what answered: of a server that was started here, the backbones' weights too."""
    settings = [("Server", "started for this run" if server is not None else client.address)]
    with contextlib.suppress(AllclientError):
        metadata = client.server_metadata()
        settings.append(("Server program", f"{metadata.name} {metadata.version}"))
    if server is not None:
        for backbone in BACKBONES:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                settings.append((f"Release of {backbone.value}", _release(server, backbone.value)))
    return settings


def _release(server: LocalServer, backbone: str) -> str:
    path = Path(server.model_repository) / backbone / "1" / "metadata.json"
    master = json.loads(path.read_text("utf-8"))["master"]
    return f"{master['sha256'][:12]}, made {master['made'][:10]}"
