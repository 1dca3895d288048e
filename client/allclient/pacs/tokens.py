"""Lets an HTTP session show a token that lies in a file."""

from __future__ import annotations

from pathlib import Path

import requests

from allclient.errors import ConfigurationError


def authorize(session: requests.Session, file: Path, setting: str) -> None:
    """Send the token of ``file`` with each request. Raises ConfigurationError with the setting."""
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{setting}: {error}") from error
    session.headers["Authorization"] = f"Bearer {token}"
