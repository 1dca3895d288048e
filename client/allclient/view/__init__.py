"""Makes pictures and pages of what was read, for people. Needs the extra ``report``.

Nothing here is imported before ``require()`` has said that the extra is there.
"""

from __future__ import annotations

import importlib.util

from allclient.errors import ConfigurationError

_PACKAGES = {"PIL": "pillow", "jinja2": "jinja2", "markupsafe": "markupsafe"}


def require(what: str) -> None:
    """Check that the extra ``report`` is installed, which ``what`` needs.

    Raises:
        ConfigurationError: it is not.
    """
    missing = [name for module, name in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        raise ConfigurationError(
            f"{what} needs {', '.join(missing)}: pip install 'allclient[report]'"
        )
