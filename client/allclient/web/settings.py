"""Holds what a start of the web page decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allclient.contract import MAX_IMAGE_BYTES
from allclient.drift import Profile, reference
from allclient.web.oidc import Provider

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

ASSETS: Final = Path(__file__).parent / "assets"
VENDOR: Final = Path(__file__).parent / "node_modules"
"""Scripts of others, by package.json: in every wheel, and in a checkout after `npm ci`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``hosts`` are the names under which browsers may ask; others are refused."""

    hosts: tuple[str, ...] = LOOPBACK
    root_path: str = ""
    """The path under which a proxy shows the page; the proxy takes it off."""
    secure_cookies: bool = False
    """Only over HTTPS. Over plain HTTP no browser but on this machine should be let in."""
    max_upload: int = MAX_IMAGE_BYTES
    max_archive: int = 4_000_000_000
    """Bytes of a ZIP archive; each file in it is held against ``max_upload``."""
    oidc: Provider | None = None
    """Who else says who somebody is; None for passwords alone."""
    vendor: Path = VENDOR
    reference: Profile = field(default_factory=reference)
    """What the drift of answers is measured against."""
