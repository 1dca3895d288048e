"""Classifies many files on a Ray cluster, into a folder of Parquet. Needs the extra ``bulk``.

A run is cut into parts, each a fixed list of files. One part is one task and one Parquet file,
which is written whole or not at all. So a part that is done twice (a machine was lost in the
middle) overwrites itself, and a run that was stopped goes on with the parts that are missing.

Ray Data hands out the parts, and gives those of a lost machine to another one.
"""

from __future__ import annotations

import importlib.util

from allclient.errors import ConfigurationError

_PACKAGES = ("ray", "pyarrow", "fsspec")


def require() -> None:
    """Check that the extra ``bulk`` is installed.

    Raises:
        ConfigurationError: it is not.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"--engine ray needs {', '.join(missing)}: pip install 'allclient[bulk]'"
        )
