"""Says what to install where an optional package is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from allclient.errors import ConfigurationError


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Turn an ImportError into an error that says what needs which extra of allclient.

    Raises:
        ConfigurationError: a package is missing; the message names it and how to install it.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs the extra {extra}: pip install 'allclient[{extra}]' "
            f"(missing: {error.name})"
        ) from error
