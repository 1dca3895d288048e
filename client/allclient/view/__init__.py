"""Pictures and pages of what was read, for people. Needs the extra ``report``.

Nothing here is imported before ``require()`` has said that the extra is there.
"""

from __future__ import annotations

import importlib.util

from allclient.errors import ConfigurationError

_PACKAGES = {"PIL": "pillow", "jinja2": "jinja2", "markupsafe": "markupsafe"}


def require(what: str) -> None:
    """Raises ConfigurationError where the extra ``report`` is not installed."""
    missing = [name for module, name in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        raise ConfigurationError(
            f"{what} needs {', '.join(missing)}: pip install 'allclient[report]'"
        )
