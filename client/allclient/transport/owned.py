"""Guards what belongs to one process: a copied connection or thread is an empty shell."""

from __future__ import annotations

import os
from typing import NoReturn

from allclient.errors import ConfigurationError


class Owned:
    """Knows the process that made it; refuses to be pickled or copied.

    After a fork the child has the object without its threads: a call would wait for ever, and so
    would ending it.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()

    @property
    def is_owner(self) -> bool:
        """Whether this is the process that made the object."""
        return self._owner == os.getpid()

    def check_owner(self) -> None:
        """Check that this is not a forked child.

        Raises:
            ConfigurationError: it is.
        """
        if not self.is_owner:
            raise ConfigurationError(
                f"this {_name(self)} belongs to process {self._owner}, of which this one is a "
                "fork: make a client in each process, after the fork"
            )

    def __reduce__(self) -> NoReturn:
        raise ConfigurationError(
            f"a {_name(self)} cannot be pickled or copied: make one in each process"
        )


def _name(thing: Owned) -> str:
    name = type(thing).__name__
    return name if name.endswith("Client") else "stream" if name == "Stream" else "client"
